/** Makes one line of a text that others wrote: no control characters, at most 500 characters. */
export const oneLine = (text: string): string => {
  const line = text.replace(/\p{Cc}+/gu, " ")
  return line.length > 500 ? `${line.slice(0, 500)}…` : line
}
