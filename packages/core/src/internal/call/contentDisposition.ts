/** Removes folders and control characters, because the sender chose the name and the program may make a path of the name (RFC 6266, 4.3). */
const safe = (name: string): string | undefined => {
  const last = name.split(/[/\\]/).at(-1)?.replace(/\p{Cc}/gu, "").trim() ?? ""
  return last === "" || last === "." || last === ".." ? undefined : last
}

const decodePercent = (value: string): string | undefined => {
  try {
    return decodeURIComponent(value)
  } catch {
    return undefined
  }
}

/** Decodes UTF-8 in a header, which runtimes read with one character for each byte. */
const decodeBytes = (value: string): string => {
  const bytes = Uint8Array.from(value, (character) => character.charCodeAt(0))
  try {
    return /[^\0-\xff]/.test(value) ? value : new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    return value
  }
}

/** Returns the file name of a header `Content-Disposition`: `filename*` (RFC 8187), else `filename` (RFC 6266). */
export const fileName = (header: string): string | undefined => {
  const extended = /(?:^|;)\s*filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(header)?.[1]
  const named = extended === undefined ? undefined : decodePercent(extended)
  if (named !== undefined) return safe(named)
  const plain = /(?:^|;)\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(header)
  if (plain === null) return undefined
  const value = decodeBytes(plain[1]?.replace(/\\(.)/g, "$1") ?? plain[2] ?? "")
  // Seen in practice: a percent-encoded name in the plain parameter.
  return safe(/%[0-9a-f]{2}/i.test(value) ? decodePercent(value) ?? value : value)
}
