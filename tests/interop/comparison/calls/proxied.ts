/** What goes to other services, none of which can be reached, and what stays here of app.bsky. */
import { type Call, procedure, query } from '../call.ts'
import { NOBODY } from './values.ts'

const OWNER = { as: 'owner' }
const to = (service: string) => ({ as: 'owner', headers: { 'atproto-proxy': service } })
const TIMELINE = 'app.bsky.feed.getTimeline'
const PUT = 'app.bsky.actor.putPreferences'
const ADULT = { $type: 'app.bsky.actor.defs#adultContentPref', enabled: true }
const DETAILS = { $type: 'app.bsky.actor.defs#personalDetailsPref', birthDate: '1990-06-15T00:00:00.000Z' }
const REPORT = { reasonType: 'com.atproto.moderation.defs#reasonSpam', subject: { $type: 'com.atproto.admin.defs#repoRef', did: NOBODY } }
const PUSH = { serviceDid: NOBODY, token: 'abc', platform: 'web', appId: 'xyz.example' }

export const preferences: readonly Call[] = [
  query('getPreferences-none', 'app.bsky.actor.getPreferences', {}, OWNER),
  procedure('putPreferences', PUT, { preferences: [ADULT, DETAILS] }),
  query('getPreferences', 'app.bsky.actor.getPreferences', {}, OWNER),
  query('getPreferences-app-password', 'app.bsky.actor.getPreferences', {}, { as: 'privileged' }),
  query('getPreferences-without-token', 'app.bsky.actor.getPreferences'),
  procedure('putPreferences-other-namespace', PUT, { preferences: [{ $type: 'com.example.pref' }] }),
  procedure('putPreferences-without-type', PUT, { preferences: [{ enabled: true }] }),
  procedure('putPreferences-details-app-password', PUT, { preferences: [DETAILS] }, { as: 'privileged' }),
  procedure('putPreferences-no-array', PUT, { preferences: 'all' }),
  procedure('putPreferences-without-token', PUT, { preferences: [] }, { as: 'nobody' }),
]

export const proxied: readonly Call[] = [
  query('getTimeline', TIMELINE, {}, OWNER),
  query('getTimeline-without-token', TIMELINE),
  query('getTimeline-bad-token', TIMELINE, {}, { as: 'nonsense' }),
  query('getTimeline-refresh-token', TIMELINE, {}, { as: 'refresh' }),
  procedure('getTimeline-post', TIMELINE, {}),
  query('getProfile', 'app.bsky.actor.getProfile', ({ account }) => ({ actor: account.did }), OWNER),
  query('getProfile-without-actor', 'app.bsky.actor.getProfile', {}, OWNER),
  query('getAuthorFeed-limit-words', 'app.bsky.feed.getAuthorFeed', { actor: 'a.test', limit: 'ten' }, OWNER),
  query('getFeed-no-feed', 'app.bsky.feed.getFeed', {}, OWNER),
  query('getSuggestions', 'app.bsky.actor.getSuggestions', {}, OWNER),
  query('searchPosts-unheard', 'app.bsky.feed.unheardOf', {}, OWNER),
  query('unheard-namespace', 'com.example.unheardOf', {}, OWNER),
  query('getTimeline-proxy-without-service', TIMELINE, {}, to('did:web:a.invalid')),
  query('getTimeline-proxy-empty-service', TIMELINE, {}, to('did:web:a.invalid#')),
  query('getTimeline-proxy-two-services', TIMELINE, {}, to('did:web:a.invalid#a#b')),
  query('getTimeline-proxy-without-did', TIMELINE, {}, to('#bsky_appview')),
  query('getTimeline-proxy-spaces', TIMELINE, {}, to('did:web:a.invalid #bsky')),
  query('getTimeline-proxy-unknown', TIMELINE, {}, to(`${NOBODY}#bsky_appview`)),
  query('createAppPassword-proxied', 'com.atproto.server.createAppPassword', {}, to(`${NOBODY}#bsky_appview`)),
  procedure('createReport', 'com.atproto.moderation.createReport', REPORT),
  procedure('createReport-unknown-service', 'com.atproto.moderation.createReport', REPORT, to(`${NOBODY}#atproto_labeler`)),
  procedure('createReport-invalid', 'com.atproto.moderation.createReport', {}),
  procedure('createReport-without-token', 'com.atproto.moderation.createReport', REPORT, { as: 'nobody' }),
  procedure('registerPush-unknown-service', 'app.bsky.notification.registerPush', PUSH),
  procedure('registerPush-invalid', 'app.bsky.notification.registerPush', {}),
  procedure('registerPush-without-token', 'app.bsky.notification.registerPush', PUSH, { as: 'nobody' }),
  query('queryLabels', 'com.atproto.label.queryLabels', { uriPatterns: '*' }, OWNER),
  query('listTeam', 'tools.ozone.team.listMembers', {}, OWNER),
]
