/** Text of somebody else, and never more of it than was asked for: nobody who is asked may fill the room's memory. */

/** @throws Error when it is longer than `maxBytes` */
export const shortText = async ({ body }: Pick<Response, 'body'>, maxBytes: number): Promise<string> => {
  const decoder = new TextDecoder()
  let text = ''
  let length = 0
  for await (const piece of body ?? []) {
    length += piece.length
    if (length > maxBytes) throw new Error(`answered more than ${maxBytes} bytes`)
    text += decoder.decode(piece, { stream: true })
  }
  return text
}
