/** The pages that are committed: those that are written, and the error codes, which `generate.ts` makes. */
import { readdirSync, readFileSync } from "node:fs"
import { root } from "./navigation.js"

const committed = /^(zh\/)?((guide|reference)\/[^/]+|index)\.md$/

/** The pages, by their path from `root`. */
export const pages: ReadonlyMap<string, string> = new Map(
  ["", "guide/", "reference/", "zh/", "zh/guide/", "zh/reference/"]
    .flatMap((folder) => readdirSync(root + folder).map((name) => folder + name))
    .filter((path) => committed.test(path))
    .map((path) => [path, readFileSync(root + path, "utf8")])
)

/** Returns the languages of the code blocks that are typed into a page. */
export const typedIn = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^[ \t]*(`{3,}|~{3,})([^\n]*)\n[^]*?^[ \t]*\1[`~]*[ \t]*$/gm)].map((match) =>
    (match[2] ?? "").trim().split(/[\s{[:]/)[0] ?? ""
  )
