/** The words that the search knows. */

/**
 * Splits a text into words, and Chinese text into pairs of neighbouring characters, because Chinese has no spaces between
 * words. A query is split in the same way in each browser, so that any part of a Chinese phrase is found.
 *
 * The site carries the source text of this function to the browser, so that the function uses nothing from outside.
 */
export const tokenize = (text: string): Array<string> => {
  const words: Array<string> = []
  for (const [run] of text.matchAll(/\p{Script=Han}+|[^\s\p{P}\p{Z}\p{S}\p{Script=Han}]+/gu)) {
    const characters = [...run]
    if (!/\p{Script=Han}/u.test(run) || characters.length === 1) {
      words.push(run)
      continue
    }
    for (const [index, character] of characters.slice(0, -1).entries()) words.push(character + characters[index + 1])
  }
  return words
}

/** Allows typing errors in words, and not in numbers, because the next number is another error code, nor in Chinese. */
export const fuzzy = (term: string): number | false => /\d|\p{Script=Han}/u.test(term) ? false : 0.2
