/** The anchors of headings. Finds links between the built pages that lead nowhere: to a file that is missing, or to a heading that is missing. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"

/** Returns the anchor of a heading, as GitHub makes it, so that a link leads to the heading on GitHub and on the site. */
export const anchorOf = (heading: string): string =>
  heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-")

const attributes = (html: string, name: string): ReadonlyArray<string> =>
  [...html.matchAll(new RegExp(`<[^>]*?\\s${name}="([^"]*)"`, "g"))].map((match) =>
    (match[1] ?? "").replaceAll("&amp;", "&")
  )

/** Returns the file of an address below `folder`, or `undefined`. */
const fileOf = (folder: string, pathname: string): string | undefined =>
  [pathname, `${pathname}.html`, join(pathname, "index.html")].map((path) => join(folder, path))
    .find((path) => existsSync(path) && statSync(path).isFile())

/** Returns a sentence for each broken link in the built site. */
export const brokenLinks = (folder: string, base = "/"): ReadonlyArray<string> => {
  const pages = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".html"))
  const ids = new Map(pages.map((page) => {
    const html = readFileSync(join(folder, page), "utf8")
    return [join(folder, page), { links: attributes(html, "href"), ids: new Set(attributes(html, "id")) }]
  }))
  const site = "https://site.invalid"
  return pages.flatMap((page) =>
    (ids.get(join(folder, page))?.links ?? []).flatMap((link) => {
      const url = new URL(link, `${site}${base}${page}`)
      if (url.origin !== site) return []
      if (!url.pathname.startsWith(base)) return [`${page}: ${link} is outside of the site`]
      const file = fileOf(folder, decodeURIComponent(url.pathname.slice(base.length)))
      if (file === undefined) return [`${page}: there is no page for ${link}`]
      const anchor = decodeURIComponent(url.hash.slice(1))
      const target = ids.get(file)
      return anchor === "" || target === undefined || target.ids.has(anchor)
        ? []
        : [`${page}: there is no heading for ${link}`]
    })
  )
}
