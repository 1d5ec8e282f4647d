/** The links between the pages of the repository. */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { anchorOf } from "../../packages/docs/src/anchors.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const read = (path: string) => readFileSync(join(root, path), "utf8")
const { homepage } = JSON.parse(read("package.json")) as { readonly homepage: string }
const repository = homepage.replace(/#readme$/, "")
const raw = repository.replace("//github.com/", "//raw.githubusercontent.com/")

const markdownIn = (folder: string) =>
  readdirSync(join(root, folder)).filter((name) => name.endsWith(".md")).map((name) => join(folder, name))

const packages = readdirSync(join(root, "packages")).map((name) => join("packages", name))
const isPublished = (folder: string) => !/"private": true/.test(read(join(folder, "package.json")))
const published = packages.filter(isPublished).flatMap(markdownIn)
const site = ["", "guide", "reference"].flatMap((folder) =>
  ["packages/docs", "packages/docs/zh"].map((language) => join(language, folder))
)
const pages = [...new Set([".", ".github", ".changeset", ...packages, ...site].flatMap(markdownIn))]

/** Returns the page without its blocks of code. */
const proseOf = (page: string) => read(page).replaceAll(/^```.*?^```$/gms, "")

/** Returns the targets of the links and of the images of a page. */
const targetsOf = (page: string) => [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target)

const anchorsOf = (page: string) =>
  new Set([...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading)))

/** Returns the file that a link leads to, and the anchor. Returns `undefined` for another site. */
const destinationOf = (page: string, target: string) => {
  const [path = "", anchor] = target.split("#")
  const own = [`${repository}/blob/main/`, `${repository}/tree/main/`, `${raw}/main/`].find((start) =>
    path.startsWith(start)
  )
  if (own !== undefined) return { file: path.slice(own.length), anchor }
  // VitePress checks the links to the API reference, which is on the site alone.
  if (/^https?:/.test(path) || path.startsWith("/")) return undefined
  return { file: path === "" ? page : join(dirname(page), path), anchor }
}

describe.each(pages)("%s", (page) => {
  it("links only to files and headings that exist", () => {
    for (const target of targetsOf(page)) {
      const destination = destinationOf(page, target)
      if (destination === undefined) continue
      const { anchor, file } = destination
      // The site of the repository has pages of its own, which are no files.
      if (/^\.\.\/(\.\.\/)?(issues|security)\b/.test(file)) continue
      assert.isTrue(existsSync(join(root, file)), `${target}: there is no ${file}`)
      if (target.includes("/tree/")) assert.isTrue(statSync(join(root, file)).isDirectory(), target)
      if (anchor !== undefined) assert.include([...anchorsOf(file)], anchor, target)
    }
  })
})

describe.each(published)("%s", (page) => {
  it("has no relative links, because npm shows the page without the files of the repository", () => {
    for (const target of targetsOf(page)) assert.match(target, /^(https:\/\/|#)/, target)
  })
})
