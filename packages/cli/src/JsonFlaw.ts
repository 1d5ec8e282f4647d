/** Finds where a text is no JSON. The message of the engine quotes the text, and often leaves out the place. */

const scalar =
  /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y

/** Returns the index of the first character that no JSON has there, or the length of the text. */
export const indexIn = (text: string): number => {
  let at = 0
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
    if (is(end)) return true
    do if (!item()) return false
    while (is(/,/y))
    return is(end)
  }
  const member = () => is(/(?=")/y) && value() && is(/:/y) && value()
  const value = (): boolean => is(/\[/y) ? list(value, /\]/y) : is(/\{/y) ? list(member, /\}/y) : is(scalar)
  value()
  take(/[ \t\r\n]*/y)
  return at
}

/** Names the place by its line and column, which count from 1. */
export const placeIn = (text: string): string => {
  const lines = text.slice(0, indexIn(text)).split("\n")
  return `line ${lines.length}, column ${(lines.at(-1) ?? "").length + 1}`
}
