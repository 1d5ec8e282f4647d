/** Finds where a text is no JSON, or too deep. The message of the engine quotes the text, and often leaves out the place. */

/** The most lists and objects inside each other. More overflow the stack here, in `Schema` and in `JSON.stringify`. */
const deepest = 1000

/** Takes the characters between two escapes together, because a repeated choice overflows the stack with a long string. */
const scalar =
  /"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})[^"\\\x00-\x1f]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y

/** Finds the first character that no JSON has there, or the first bracket that is too deep, or else the end of the text. */
const walk = (text: string): { readonly at: number; readonly isTooDeep: boolean } => {
  let at = 0
  let depth = 0
  const take = (token: RegExp): boolean => {
    token.lastIndex = at
    const isThere = token.test(text)
    if (isThere) at = token.lastIndex
    return isThere
  }
  const is = (token: RegExp) => {
    take(/[ \t\r\n]*/y)
    return take(token)
  }
  const list = (item: () => boolean, end: RegExp): boolean => {
    // A flaw ends the walk, and leaves the depth.
    if (++depth > deepest) {
      at--
      return false
    }
    if (!is(end)) {
      do if (!item()) return false
      while (is(/,/y))
      if (!is(end)) return false
    }
    depth--
    return true
  }
  const member = () => is(/(?=")/y) && value() && is(/:/y) && value()
  const value = (): boolean => is(/\[/y) ? list(value, /\]/y) : is(/\{/y) ? list(member, /\}/y) : is(scalar)
  value()
  take(/[ \t\r\n]*/y)
  return { at, isTooDeep: depth > deepest }
}

/** Returns the index of the flaw, or the length of the text. */
export const indexIn = (text: string): number => walk(text).at

/** Says what is wrong in a text, and names the place by its line and column, which count from 1. */
export const sentenceOf = (text: string): string => {
  const { at, isTooDeep } = walk(text)
  const lines = text.slice(0, at).split("\n")
  const place = `line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}`
  return isTooDeep ? `${place} is inside ${deepest} lists and objects, and more are not read` : `${place} is wrong`
}

/** Returns `true` if a JSON value has more lists and objects inside each other than are read. */
export const isTooDeep = (json: unknown, within = 0): boolean =>
  typeof json === "object" && json !== null
  && (within === deepest || Object.values(json).some((value) => isTooDeep(value, within + 1)))
