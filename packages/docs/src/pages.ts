/** The pages as they are written, without those that `generate.ts` makes. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { root } from "./navigation.js"

const written = /^(zh\/)?((guide|reference)\/[^/]+|index)\.md$/
const generated = /^(zh\/)?reference\/error-codes\.md$/

/** The pages, by their path from `root`. */
export const pages: ReadonlyMap<string, string> = new Map(
  ["", "guide/", "reference/", "zh/", "zh/guide/", "zh/reference/"]
    .flatMap((folder) => readdirSync(root + folder).map((name) => folder + name))
    .filter((path) => written.test(path) && !generated.test(path))
    .map((path) => [path, readFileSync(root + path, "utf8")])
)

/** A part of a file that a page shows: `<<< @/../../examples/server.ts#region`. */
export interface Snippet {
  readonly file: string
  readonly region: string | undefined
}

/** Returns the snippets of a page. */
export const snippets = (page: string, text: string): ReadonlyArray<Snippet> =>
  [...text.matchAll(/^[ \t]*<<<\s*([^\s#{[]+)(?:#([^\s{[]+))?/gm)].map(([, path = "", region]) => ({
    file: path.startsWith("@") ? resolve(root, path.slice(2)) : resolve(root, dirname(page), path),
    region
  }))

/** Returns the languages of the code blocks that are typed into a page. */
export const typedIn = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^[ \t]*(`{3,}|~{3,})([^\n]*)\n[^]*?^[ \t]*\1[`~]*[ \t]*$/gm)].map((match) =>
    (match[2] ?? "").trim().split(/[\s{[:]/)[0] ?? ""
  )
