/** Decides by its headers how an answer is read. */
import type * as Headers from "@effect/platform/Headers"

export const isJson = (headers: Headers.Headers): boolean =>
  /^application\/([\w.-]+\+)?json\b/i.test(headers["content-type"] ?? "")

/** Returns `true` for a file. A refusal to send a file has no file name. */
export const isFile = (headers: Headers.Headers): boolean =>
  /^\s*attachment\b|;\s*filename\*?\s*=/i.test(headers["content-disposition"] ?? "")

/** Returns `true` if the body has at most `maxBytes`, by its headers. Ignores the length of a compressed body. */
export const isWithin = (headers: Headers.Headers, maxBytes: number): boolean => {
  const length = headers["content-length"]
  return length !== undefined && headers["content-encoding"] === undefined && Number(length) <= maxBytes
}
