/** The body of a Response, written as its pieces come. */

interface IdentityStreams {
  readonly IdentityTransformStream?: new () => TransformStream<Uint8Array, Uint8Array>
  readonly FixedLengthStream?: new (length: number) => TransformStream<Uint8Array, Uint8Array>
}

/**
 * A body for a Response. Workerd's own streams, because its `TransformStream` buffers without end for a slow reader (379 MB measured); a fixed length gives
 * the client a `content-length`. Elsewhere (tests on Node) the standard one has backpressure.
 */
export const openPipe = (length: number | null): TransformStream<Uint8Array, Uint8Array> => {
  const { IdentityTransformStream, FixedLengthStream } = globalThis as IdentityStreams
  if (length !== null && FixedLengthStream) return new FixedLengthStream(length)
  return IdentityTransformStream ? new IdentityTransformStream() : new TransformStream()
}
