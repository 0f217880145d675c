/** app.bsky.feed.getPostThread with the owner's newest replies, and threads of posts that the AppView does not know yet. */
import type { Edit, JsonPlace } from './json-place.ts'
import type { LocalPost, LocalRecords } from './local-records.ts'
import { postView } from './post-view.ts'
import type { Viewpoint } from './viewpoint.ts'

const THREAD_VIEW_POST = 'app.bsky.feed.defs#threadViewPost'

interface ThreadView {
  readonly $type: typeof THREAD_VIEW_POST
  readonly post: object
  parent?: unknown
  readonly replies?: readonly ThreadView[]
}

export const catchUpThread = async (root: JsonPlace, { posts }: LocalRecords, viewpoint: Viewpoint): Promise<Edit[]> => {
  const edits: Edit[] = []
  const shown = new Set<string | undefined>()
  const nodes = [...(root.member('thread') ? threadNodes(root) : [])]
  for (const node of nodes) shown.add(uriOf(node))
  for (const node of nodes) {
    const answers = posts.filter((post) => parentOf(post) === uriOf(node) && !shown.has(post.uri))
    if (answers.length === 0) continue
    const jsons = (await Promise.all(answers.map((post) => threadView(post, posts, viewpoint)))).map((view) => JSON.stringify(view))
    const replies = node.member('replies')
    edits.push(replies ? replies.insertItems(0, jsons) : node.insertMember('replies', `[${jsons.join(',')}]`))
  }
  return edits
}

/**
 * The answer that the AppView will give once it knows this post; null where it is none of the new ones.
 * @param uri with the DID
 */
export const ownThread = async (
  uri: string,
  params: URLSearchParams,
  { posts }: LocalRecords,
  viewpoint: Viewpoint,
): Promise<{ readonly thread: ThreadView } | null> => {
  const found = posts.find((post) => post.uri === uri)
  if (!found) return null
  const thread = await threadView(found, posts, viewpoint)
  let highest = { view: thread, post: found }
  // Nobody wrote more of them than there are: a circle of replies ends, too.
  for (const _ of posts) {
    const parent = posts.find((post) => post.uri === parentOf(highest.post))
    if (!parent) break
    const view: ThreadView = { $type: THREAD_VIEW_POST, post: await postView(parent, viewpoint) }
    highest.view.parent = view
    highest = { view, post: parent }
  }
  const above = parentOf(highest.post)
  const parent = above === undefined ? undefined : await askThread(above, params, viewpoint)
  if (parent !== undefined) highest.view.parent = parent
  return { thread }
}

const threadView = async (post: LocalPost, posts: readonly LocalPost[], viewpoint: Viewpoint): Promise<ThreadView> => {
  const others = posts.filter((other) => other !== post)
  const answers = others.filter((other) => parentOf(other) === post.uri)
  const replies = await Promise.all(answers.map((answer) => threadView(answer, others, viewpoint)))
  return { $type: THREAD_VIEW_POST, post: await postView(post, viewpoint), ...(replies.length > 0 && { replies }) }
}

/** The posts above, which the AppView may know; without them the thread is still one. */
const askThread = async (uri: string, params: URLSearchParams, { ask }: Viewpoint): Promise<unknown> => {
  const parentHeight = params.get('parentHeight')
  try {
    const answer = await ask('app.bsky.feed.getPostThread', { uri, depth: '0', ...(parentHeight !== null && { parentHeight }) })
    return (answer as { thread?: unknown }).thread
  } catch {
    return undefined
  }
}

function* threadNodes(root: JsonPlace): Generator<JsonPlace> {
  const waiting = [root.member('thread')]
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (node.member('$type')?.string() !== THREAD_VIEW_POST) continue
    yield node
    waiting.push(...(node.member('replies')?.items() ?? []))
  }
}

const uriOf = (node: JsonPlace): string | undefined => node.member('post', 'uri')?.string()

const parentOf = ({ record }: LocalPost): string | undefined => record.reply?.parent.uri
