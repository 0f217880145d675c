import type { RoomPort, RoomSocket } from '../port.ts'

export class Firehose {
  static async open(_port: RoomPort): Promise<Firehose> {
    throw new Error('being written')
  }

  async connect(_socket: RoomSocket, _request: Request): Promise<void> {
    throw new Error('being written')
  }

  closed(_socket: RoomSocket): void {}
}
