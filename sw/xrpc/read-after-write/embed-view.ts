/** What a post embeds, as an AppView would show it. Videos are missing until the AppView has them: only it makes their playlists. */
import { main as external, type Main as External } from '../../../lexicons/app/bsky/embed/external.defs.ts'
import { main as images, type Main as Images } from '../../../lexicons/app/bsky/embed/images.defs.ts'
import { main as record, type Main as Quote } from '../../../lexicons/app/bsky/embed/record.defs.ts'
import { main as recordWithMedia } from '../../../lexicons/app/bsky/embed/recordWithMedia.defs.ts'
import type { Post } from './local-records.ts'
import { blobUrl, type Viewpoint } from './viewpoint.ts'

type Embed = NonNullable<Post['embed']>

export const embedView = async (embed: Embed, viewpoint: Viewpoint): Promise<object | undefined> => {
  if (record.isTypeOf(embed)) return quoteView(embed, viewpoint)
  if (!recordWithMedia.isTypeOf(embed)) return mediaView(embed, viewpoint)
  const media = mediaView(embed.media, viewpoint)
  return media && { $type: 'app.bsky.embed.recordWithMedia#view', record: await quoteView(embed.record, viewpoint), media }
}

const mediaView = (embed: Embed, { identity }: Viewpoint): object | undefined => {
  if (images.isTypeOf(embed)) return imagesView(embed, identity)
  if (external.isTypeOf(embed)) return externalView(embed, identity)
  return undefined
}

const imagesView = ({ images }: Images, identity: Viewpoint['identity']) => ({
  $type: 'app.bsky.embed.images#view',
  images: images.map(({ image, alt, aspectRatio }) => {
    const url = blobUrl(identity, image)
    return { thumb: url, fullsize: url, alt, aspectRatio }
  }),
})

const externalView = ({ external }: External, identity: Viewpoint['identity']) => {
  const { uri, title, description, thumb } = external
  return { $type: 'app.bsky.embed.external#view', external: { uri, title, description, ...(thumb && { thumb: blobUrl(identity, thumb) }) } }
}

const quoteView = async ({ record: { uri } }: Quote, { ask }: Viewpoint) => {
  const quoted = await quotedView(uri, ask).catch(() => undefined)
  return { $type: 'app.bsky.embed.record#view', record: quoted ?? { $type: 'app.bsky.embed.record#viewNotFound', uri, notFound: true } }
}

/** What the AppView says of a record of anyone's. undefined: it knows none. @throws XrpcError */
const quotedView = async (uri: string, ask: Viewpoint['ask']): Promise<object | undefined> => {
  switch (uri.split('/')[3]) {
    case 'app.bsky.feed.post': {
      const { posts } = (await ask('app.bsky.feed.getPosts', { uris: uri })) as { posts: Array<Record<string, unknown>> }
      const [post] = posts
      if (!post) return undefined
      const { cid, author, record: value, labels, embed, indexedAt } = post
      const embeds = embed === undefined ? undefined : [embed]
      return { $type: 'app.bsky.embed.record#viewRecord', uri: post['uri'], cid, author, value, labels, embeds, indexedAt }
    }
    case 'app.bsky.feed.generator': {
      const { view } = (await ask('app.bsky.feed.getFeedGenerator', { feed: uri })) as { view: object }
      return { ...view, $type: 'app.bsky.feed.defs#generatorView' }
    }
    case 'app.bsky.graph.list': {
      const { list } = (await ask('app.bsky.graph.getList', { list: uri })) as { list: object }
      return { ...list, $type: 'app.bsky.graph.defs#listView' }
    }
    default:
      return undefined
  }
}
