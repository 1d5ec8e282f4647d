/** Line breaks within a paragraph. */

/** A part of a paragraph, as markdown-it has it. */
export interface Token {
  readonly type: string
  content: string
}

const isChinese = (character: string | undefined): boolean =>
  character !== undefined && /[\p{Script=Han}\u3000-\u303F\uFF00-\uFFEF“”‘’…—]/u.test(character)

/**
 * Removes line breaks between two Chinese characters, because a browser shows a line break as a space, and Chinese has no
 * spaces between words.
 */
export const joinChinese = <T extends Token>(tokens: ReadonlyArray<T>): Array<T> =>
  tokens.filter((token, index) =>
    token.type !== "softbreak"
    || !(isChinese([...tokens[index - 1]?.content ?? ""].at(-1)) &&
      isChinese([...tokens[index + 1]?.content ?? ""].at(0)))
  )
