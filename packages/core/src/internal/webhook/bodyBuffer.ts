/** The longest body that is read, in bytes. */
export const maxBytes = 1_000_000

/** Collects the chunks of a body up to `maxBytes`. */
export const make = () => {
  const chunks: Array<Uint8Array> = []
  let length = 0
  return {
    /** Returns `false` and keeps nothing more if the body is too long. */
    add: (chunk: Uint8Array): boolean => {
      length += chunk.length
      if (length > maxBytes) return false
      chunks.push(chunk)
      return true
    },
    bytes: (): Uint8Array => {
      const [first] = chunks
      if (chunks.length === 1 && first !== undefined) return first
      const whole = new Uint8Array(length)
      let offset = 0
      for (const chunk of chunks) {
        whole.set(chunk, offset)
        offset += chunk.length
      }
      return whole
    }
  }
}
