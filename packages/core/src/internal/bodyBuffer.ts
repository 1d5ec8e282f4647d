import { maxBodyBytes } from "../EventSubscription.js"

/** The chunks of a body as they come, up to the limit. */
export const make = () => {
  const chunks: Array<Uint8Array> = []
  let length = 0
  return {
    /** False where the body is too long, and nothing more is kept. */
    add: (chunk: Uint8Array): boolean => {
      length += chunk.length
      if (length > maxBodyBytes) return false
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
