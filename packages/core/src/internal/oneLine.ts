/** Somebody else's words for one line of a log: no control characters, no more than anybody reads. */
export const oneLine = (text: string): string => {
  const line = text.replace(/\p{Cc}+/gu, " ")
  return line.length > 500 ? `${line.slice(0, 500)}…` : line
}
