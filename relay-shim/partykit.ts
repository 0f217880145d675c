import { MST, MemoryBlockstore, readCarWithRoot } from '@atproto/repo'
export default class Room { async onRequest(){ const m = await MST.create(new MemoryBlockstore()); return new Response(String(await m.getPointer())+ readCarWithRoot) } 
static async onFetch(req: any, lobby: any){ return lobby.parties.main.get('x').fetch(req) } }
