/** Answers of another server, and never more of one than was asked for: nobody who is asked may fill our memory. */

/** Cuts off what is too long to be an answer. */
export const readShortText = (response: Response, maxBytes: number): Promise<string> => cut(response, maxBytes).text()

/** The same for what is no text. */
export const readShortBytes = async (response: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await cut(response, maxBytes).arrayBuffer())

const cut = ({ body }: Response, maxBytes: number): Response => {
  if (!body) return new Response()
  let left = maxBytes
  const atMost = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(piece, controller) {
      controller.enqueue(piece.subarray(0, left))
      left -= piece.byteLength
      if (left <= 0) controller.terminate()
    },
  })
  return new Response(body.pipeThrough(atMost))
}
