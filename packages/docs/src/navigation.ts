/** The sidebar: all pages in their order. A page is listed once its file exists, under the first heading of the file. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** The folder that holds the pages. */
export const root = fileURLToPath(new URL("..", import.meta.url))

export type Language = "en" | "zh"

/** The folder of a language, below `root`. */
export const folderOf = (language: Language): string => language === "en" ? "" : "zh/"

interface Group {
  readonly title: Readonly<Record<Language, string>>
  /** Files below the folder of a language, without `.md`. */
  readonly pages: ReadonlyArray<string>
}

export const groups: ReadonlyArray<Group> = [
  {
    title: { en: "Start", zh: "入门" },
    pages: ["guide/first-ticket", "guide/after-a-deploy", "guide/from-the-official-sdk", "guide/without-effect"]
  },
  {
    title: { en: "Messages and cards", zh: "消息与卡片" },
    pages: ["guide/replying-to-messages", "guide/cards"]
  },
  {
    title: { en: "Operation", zh: "部署与运维" },
    pages: [
      "guide/many-apps",
      "guide/many-machines",
      "guide/serverless",
      "guide/postgres",
      "guide/proxies",
      "guide/observability",
      "guide/security"
    ]
  },
  {
    title: { en: "How it behaves", zh: "运行细节" },
    pages: ["guide/errors-and-retries", "guide/tokens-and-caches", "guide/testing", "guide/effect-4"]
  },
  {
    title: { en: "Reference", zh: "参考" },
    pages: [
      "reference/error-codes",
      "reference/console",
      "reference/glossary",
      "reference/architecture",
      "reference/faults",
      "api/index"
    ]
  }
]

/** The packages that have an API reference, by their folder in `api`. */
export const packages = ["core", "redis", "emulator"] as const

/** Returns the title of a page: `nav` of its front matter, or else its first heading. */
export const titleOf = (file: string): string => {
  const text = readFileSync(file, "utf8")
  const title = /^---\n(?:.*\n)*?nav: (.*)\n(?:.*\n)*?---\n/.exec(text)?.[1] ?? /^# (.*)$/m.exec(text)?.[1]
  if (title === undefined) throw new Error(`${file} has no heading of the first level`)
  return title.replaceAll("`", "")
}

/** Returns the address of a page. */
const linkTo = (path: string): string => `/${path.replace(/(^|\/)index$/, "$1")}`

/** Returns `true` if there is a page with this address. */
export const isPage = (link: string): boolean => existsSync(`${root}${link.slice(1).replace(/(^|\/)$/, "$1index")}.md`)

export interface Entry {
  readonly text: string
  readonly link?: string
  readonly items?: Array<Entry>
  readonly collapsed?: boolean
}

const entriesOf = (paths: ReadonlyArray<string>): Array<Entry> =>
  paths.filter((path) => existsSync(`${root}${path}.md`))
    .map((path) => ({ text: titleOf(`${root}${path}.md`), link: linkTo(path) }))

/** The sidebar of all pages but those of the API reference. */
export const sidebar = (language: Language): Array<Entry> =>
  groups.map(({ pages, title }) => ({
    text: title[language],
    items: entriesOf(pages.map((page) => folderOf(language) + page))
  })).filter(({ items }) => items.length > 0)

/** The sidebar of the API reference: a group for each package, an entry for each module. */
export const apiSidebar = (language: Language): Array<Entry> => {
  const folder = `${folderOf(language)}api`
  return [
    ...entriesOf([`${folder}/index`]),
    ...packages.filter((name) => existsSync(`${root}${folder}/${name}`)).map((name) => ({
      text: `@effect-feishu/${name}`,
      items: entriesOf(
        readdirSync(`${root}${folder}/${name}`).toSorted().map((file) => `${folder}/${name}/${file.slice(0, -3)}`)
      )
    }))
  ]
}
