/** The names of keys and channels. What is in braces decides which node of a cluster has them. */

/** One name for each text and no other. A lone surrogate has no URL encoding, but one in JSON. */
const encode = (text: string): string => encodeURIComponent(JSON.stringify(text).slice(1, -1))

export const keyOf = (prefix: string, group: ReadonlyArray<string>, ...rest: ReadonlyArray<string>): string =>
  [`${prefix}{${group.map(encode).join("/")}}`, ...rest.map(encode)].join(":")
