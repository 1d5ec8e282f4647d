import { type DefaultTheme, defineConfig } from "vitepress"
import { anchorOf, brokenLinks } from "../src/anchors.js"
import { apiSidebar, folderOf, isPage, type Language, sidebar } from "../src/navigation.js"
import { fuzzy, tokenize } from "../src/search.js"
import { joinChinese } from "../src/softBreaks.js"

/** `DOCS_BASE=/some-path/` builds the site for a path of a host. */
const base = process.env["DOCS_BASE"] ?? "/"

const nav = (language: Language): Array<DefaultTheme.NavItem> => {
  const folder = `/${folderOf(language)}`
  const links = sidebar(language).flatMap(({ items = [] }) => items).flatMap(({ link }) => link ?? [])
  const text = language === "en"
    ? { guide: "Guide", codes: "Error codes", settings: "Console settings", api: "API" }
    : { guide: "指南", codes: "错误码", settings: "后台配置", api: "API" }
  return [
    {
      text: text.guide,
      link: links.find((link) => link.startsWith(`${folder}guide/`)),
      activeMatch: `${folder}guide/`
    },
    { text: text.codes, link: `${folder}reference/error-codes` },
    { text: text.settings, link: `${folder}reference/console` },
    { text: text.api, link: `${folder}api/`, activeMatch: `${folder}api/` }
  ].flatMap(({ link, ...item }) => link !== undefined && links.includes(link) ? [{ link, ...item }] : [])
}

const sidebars = (language: Language): DefaultTheme.SidebarMulti => ({
  [`/${folderOf(language)}api/`]: apiSidebar(language),
  [`/${folderOf(language)}`]: sidebar(language)
})

const chinese: DefaultTheme.Config = {
  nav: nav("zh"),
  sidebar: sidebars("zh"),
  outline: { label: "本页内容", level: [2, 3] },
  docFooter: { prev: "上一页", next: "下一页" },
  darkModeSwitchLabel: "外观",
  lightModeSwitchTitle: "切换到浅色模式",
  darkModeSwitchTitle: "切换到深色模式",
  sidebarMenuLabel: "目录",
  returnToTopLabel: "回到顶部",
  langMenuLabel: "切换语言",
  skipToContentLabel: "跳到正文",
  notFound: { title: "没有这个页面", quote: "请检查地址，或用搜索查找。", linkText: "返回首页", linkLabel: "返回首页" }
}

const existing = (entries: ReadonlyArray<{ readonly link: string }>) => entries.filter(({ link }) => isPage(link))

export default defineConfig({
  base,
  title: "effect-feishu",
  description: "Feishu / Lark store apps on Effect",
  srcExclude: ["README.md"],
  // The fonts of the reader's system: no font is loaded.
  head: [["meta", { name: "theme-color", content: "#3b6ef6" }], ["link", { rel: "icon", href: "data:," }]],
  markdown: {
    anchor: { slugify: anchorOf },
    theme: { light: "github-light", dark: "github-dark" },
    // No time limit: on a busy machine, code would lose its colours.
    shikiSetup: (highlighter) => {
      const { codeToHtml } = highlighter
      highlighter.codeToHtml = (code, options) => codeToHtml(code, { ...options, tokenizeTimeLimit: 0 })
    },
    config: (md) => {
      md.core.ruler.after("inline", "join-chinese", ({ tokens }) => {
        for (const token of tokens) token.children &&= joinChinese(token.children)
      })
    }
  },
  locales: {
    root: { label: "English", lang: "en", themeConfig: { nav: nav("en"), sidebar: sidebars("en") } },
    zh: {
      label: "简体中文",
      lang: "zh-CN",
      link: "/zh/",
      description: "用 Effect 编写飞书 / Lark 商店应用",
      themeConfig: chinese
    }
  },
  themeConfig: {
    outline: { level: [2, 3] },
    search: {
      provider: "local",
      options: {
        locales: {
          zh: {
            translations: {
              button: { buttonText: "搜索", buttonAriaLabel: "搜索" },
              modal: {
                displayDetails: "显示详情",
                resetButtonTitle: "清除",
                backButtonTitle: "关闭",
                noResultsText: "没有结果：",
                footer: { selectText: "打开", navigateText: "移动", closeText: "关闭" }
              }
            }
          }
        },
        miniSearch: { options: { tokenize }, searchOptions: { fuzzy } }
      }
    }
  },
  // The home page offers a page once its file exists.
  transformPageData: ({ frontmatter }) => ({
    frontmatter: {
      ...frontmatter,
      ...(frontmatter["hero"] && {
        hero: { ...frontmatter["hero"], actions: existing(frontmatter["hero"].actions ?? []) },
        features: existing(frontmatter["features"] ?? [])
      })
    }
  }),
  // The index of the search, which is loaded when a reader searches.
  vite: { build: { chunkSizeWarningLimit: 2000 } },
  // VitePress fails on links to missing pages. This also fails on links to missing headings.
  buildEnd: ({ outDir }) => {
    const broken = brokenLinks(outDir, base)
    if (broken.length > 0) throw new Error(`There are broken links:\n${[...new Set(broken)].join("\n")}`)
  }
})
