/** com.atproto.sync.*: what relays and other readers ask for. */
import { type Call, procedure, query } from '../call.ts'
import type { Side } from '../side.ts'
import { did, NO_CID, NOBODY, PROFILE } from './values.ts'

const sync = (name: string): string => `com.atproto.sync.${name}`
const own = (more: Record<string, string>) => (side: Side) => ({ ...did(side), ...more })

export const syncs: readonly Call[] = [
  query('getLatestCommit', sync('getLatestCommit'), did, { keep: { rev: 'rev', head: 'cid' } }),
  query('getLatestCommit-unknown', sync('getLatestCommit'), { did: NOBODY }),
  query('getLatestCommit-no-did', sync('getLatestCommit'), { did: 'nonsense' }),
  query('getLatestCommit-without-did', sync('getLatestCommit')),
  query('getRepoStatus', sync('getRepoStatus'), did),
  query('getRepoStatus-unknown', sync('getRepoStatus'), { did: NOBODY }),
  query('listRepos', sync('listRepos')),
  query('listRepos-limit-1', sync('listRepos'), { limit: '1' }),
  query('listRepos-limit-0', sync('listRepos'), { limit: '0' }),
  query('listRepos-bad-cursor', sync('listRepos'), { cursor: 'nonsense' }),
  query('getRepo', sync('getRepo'), did),
  query('getRepo-head', sync('getRepo'), did, { method: 'HEAD' }),
  query('getRepo-since', sync('getRepo'), (side) => ({ ...did(side), since: side.kept('rev') })),
  query('getRepo-since-nonsense', sync('getRepo'), own({ since: 'nonsense' })),
  query('getRepo-unknown', sync('getRepo'), { did: NOBODY }),
  query('getRepo-without-did', sync('getRepo')),
  query('syncGetRecord', sync('getRecord'), own({ collection: PROFILE, rkey: 'self' })),
  query('syncGetRecord-missing', sync('getRecord'), own({ collection: PROFILE, rkey: 'never' })),
  query('syncGetRecord-unknown', sync('getRecord'), { did: NOBODY, collection: PROFILE, rkey: 'self' }),
  query('syncGetRecord-bad-collection', sync('getRecord'), own({ collection: 'nonsense', rkey: 'self' })),
  query('getBlocks', sync('getBlocks'), (side) => ({ ...did(side), cids: [side.kept('head')] })),
  query('getBlocks-unknown', sync('getBlocks'), own({ cids: NO_CID })),
  query('getBlocks-no-cid', sync('getBlocks'), own({ cids: 'nonsense' })),
  query('getBlocks-none', sync('getBlocks'), did),
  query('getHead', sync('getHead'), did),
  query('getHead-unknown', sync('getHead'), { did: NOBODY }),
  query('getCheckout', sync('getCheckout'), did),
  query('getHostStatus', sync('getHostStatus'), { hostname: 'example.com' }),
  query('listHosts', sync('listHosts')),
  query('listReposByCollection', sync('listReposByCollection'), { collection: PROFILE }),
  procedure('requestCrawl', sync('requestCrawl'), { hostname: 'example.com' }, { as: 'nobody' }),
  procedure('notifyOfUpdate', sync('notifyOfUpdate'), { hostname: 'example.com' }, { as: 'nobody' }),
  query('subscribeRepos-without-upgrade', sync('subscribeRepos')),
]
