/** The owner's page and picture, tab open or closed, as the pod gave them with its documents. */
import { AVATAR_PATH, PICTURE_HEADERS, pictureIn, PNG, PROFILE_HEADERS, PROFILE_PATH } from '../../wire/indieauth.ts'
import { serveBlob } from './blob-answer.ts'
import type { BareView, MirrorView } from './method.ts'

/** null: none of them, or the pod gave none. */
export const publicPage = (view: MirrorView | BareView, path: string, request: Request): Promise<Response | null> | Response | null => {
  const document = view.identity.documents[path]
  if (document === undefined) return null
  if (path === PROFILE_PATH) return new Response(document, { headers: PROFILE_HEADERS })
  if (path !== AVATAR_PATH) return null
  const painted = pictureIn(document)
  if (painted) return new Response(painted, { headers: { ...PICTURE_HEADERS, 'content-type': PNG } })
  return view.head ? picture(view, document, request) : Promise.resolve(null)
}

/** null: the tab has it, if anybody has. */
const picture = async (view: MirrorView, cid: string, request: Request): Promise<Response | null> => {
  const row = await view.blobs.use(cid)
  if (!row || row.evicted) return null
  const response = await serveBlob({ storage: view.port.storage, recent: view.blobs.recent }, cid, row, request)
  for (const [name, value] of Object.entries(PICTURE_HEADERS)) response?.headers.set(name, value)
  // To be looked at, not to be kept.
  response?.headers.delete('content-disposition')
  return response
}
