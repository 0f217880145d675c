/** Answers that a client may keep, and ask for again only if they changed. @see https://www.rfc-editor.org/rfc/rfc9110#name-if-none-match */

/** `tag` is named after its content (a CID). Where the client has that already it is told so, and nothing is made. */
export const unlessKnown = async <Made extends Response | null>(
  request: Request,
  tag: string,
  make: () => Made | Promise<Made>,
): Promise<Made | Response> => {
  const etag = `"${tag}"`
  const known = new Set((request.headers.get('if-none-match') ?? '').split(',').map((each) => each.trim().replace(/^W\//, '')))
  if (known.has(etag) || known.has('*')) return new Response(null, { status: 304, headers: { etag } })
  const response = await make()
  response?.headers.set('etag', etag)
  return response
}
