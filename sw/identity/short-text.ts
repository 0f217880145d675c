/** Text of another server, and never more of it than was asked for: nobody who is asked may fill our memory. */

/** Cuts off what is too long to be an answer. */
export const readShortText = async ({ body }: Response, maxBytes: number): Promise<string> => {
  if (!body) return ''
  let left = maxBytes
  const cut = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(piece, controller) {
      controller.enqueue(piece.subarray(0, left))
      left -= piece.byteLength
      if (left <= 0) controller.terminate()
    },
  })
  return new Response(body.pipeThrough(cut)).text()
}
