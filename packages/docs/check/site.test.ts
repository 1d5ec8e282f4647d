/** Opens the built site in a Chromium, as a reader with a phone does. */
import * as Core from "@effect-feishu/core"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { extname, join } from "node:path"
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core"
import { brokenLinks } from "../src/anchors.js"
import { root } from "../src/navigation.js"

const site = join(root, ".vitepress/dist")

const pages = readdirSync(site, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".html") && file !== "404.html").toSorted()

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json"
}

/** Serves the files as any host of static files does. */
const serve = (): Promise<Server> =>
  new Promise((resolve) => {
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? "/", "http://site")
      const path = join(site, decodeURIComponent(pathname.endsWith("/") ? `${pathname}index.html` : pathname))
      const isThere = path.startsWith(site) && existsSync(path)
      response.writeHead(isThere ? 200 : 404, { "content-type": types[extname(path)] ?? "application/octet-stream" })
      response.end(isThere ? readFileSync(path) : "")
    }).listen(0, "127.0.0.1", () => resolve(server))
  })

const chromiumPath = (): string => {
  const name = ["chromium", "chromium-browser", "google-chrome"].map((name) => {
    try {
      return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim()
    } catch {
      return ""
    }
  }).find((path) => path !== "")
  return name ?? assert.fail("There is no Chromium here: apt-get install chromium fonts-noto-cjk")
}

let server: Server
let browser: Browser
let origin: string

beforeAll(async () => {
  server = await serve()
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // The sandbox of the browser needs rights that a container does not have.
  browser = await chromium.launch({ executablePath: chromiumPath(), args: ["--no-sandbox", "--disable-gpu"] })
})

afterAll(async () => {
  await browser.close()
  server.close()
})

const phone: BrowserContextOptions = { viewport: { width: 375, height: 740 }, isMobile: true, hasTouch: true }
const desktop: BrowserContextOptions = { viewport: { width: 1280, height: 800 } }

/** Runs `use` with a page, and returns what went wrong: errors in the console, failed requests, requests to other hosts. */
const withPage = async (options: BrowserContextOptions, use: (page: Page) => Promise<void>) => {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options })
  const problems: Array<string> = []
  try {
    const page = await context.newPage()
    page.setDefaultTimeout(20_000)
    page.on("pageerror", ({ message }) => problems.push(`${page.url()}: ${message}`))
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") problems.push(`${page.url()}: ${message.text()}`)
    })
    page.on("request", (request) => {
      if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) problems.push(request.url())
    })
    page.on("response", (response) => {
      if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`)
    })
    await use(page)
  } finally {
    await context.close()
  }
  return problems
}

const open = async (page: Page, path: string) => {
  await page.goto(`${origin}/${path}`)
  // Vue has taken the page over.
  await page.waitForFunction("document.querySelector('#app').__vue_app__ !== undefined")
}

const inTurn = (paths: ReadonlyArray<string>, use: (path: string) => Promise<void>): Promise<void> =>
  paths.reduce((before, path) => before.then(() => use(path)), Promise.resolve())

it("has the pages of both languages", () => {
  assert.isAbove(pages.length, 80)
  const chinese = new Set(pages.filter((page) => page.startsWith("zh/")).map((page) => page.slice(3)))
  assert.sameMembers(pages.filter((page) => !page.startsWith("zh/")), [...chinese])
})

it.each(Object.entries(Core))("has each export of %s in the API reference, in both languages", (name, module) => {
  for (const folder of ["api/core", "zh/api/core"]) {
    const html = readFileSync(join(site, folder, `${name}.html`), "utf8")
    for (const exported of Object.keys(module)) assert.include(html, `<h3 id="${exported}"`)
  }
})

it("has no link that leads nowhere", () => {
  assert.deepStrictEqual(brokenLinks(site), [])
})

describe("on a phone", () => {
  it.each(["light", "dark"] as const)(
    "has no page that is wider than the screen, and none with an error: %s",
    async (colorScheme) => {
      const wide: Array<string> = []
      const problems = await withPage({ ...phone, colorScheme }, async (page) => {
        // The pages of the API have one form in both languages and colours.
        const opened = colorScheme === "light"
          ? pages.filter((path) => !path.startsWith("zh/api/core/"))
          : pages.filter((path) => !path.includes("api/"))
        await inTurn(opened, async (path) => {
          await open(page, path)
          const width = await page.evaluate("document.documentElement.scrollWidth")
          if (width !== 375) wide.push(`${path}: ${String(width)}`)
        })
      })
      assert.deepStrictEqual(wide, [])
      assert.deepStrictEqual(problems, [])
    }
  )
})

describe.each(["reference/architecture.html", "zh/reference/architecture.html"])("the diagrams on %s", (path) => {
  it("have texts that fit their boxes", async () => {
    const problems = await withPage(phone, async (page) => {
      await open(page, path)
      const overflowing = await page.evaluate(`[...document.querySelectorAll(".diagram g")].flatMap((group) => {
        const box = group.querySelector("rect")?.getBBox()
        const inner = box ?? { x: 0, y: 0, width: 360, height: Infinity }
        return [...group.querySelectorAll("text")].filter((text) => {
          const { x, y, width, height } = text.getBBox()
          return x < inner.x || y < inner.y || x + width > inner.x + inner.width || y + height > inner.y + inner.height
        }).map((text) => text.textContent)
      })`)
      assert.deepStrictEqual(overflowing, [])
      assert.isAbove(Number(await page.evaluate("document.querySelectorAll('.diagram text').length")), 30)
    })
    assert.deepStrictEqual(problems, [])
  })
})

/** Searches, and returns the addresses of the results, best first. */
const search = async (page: Page, query: string): Promise<ReadonlyArray<string>> => {
  await page.keyboard.press("Control+k")
  await page.locator("#localsearch-input").fill(query)
  await page.locator("#localsearch-list a").first().waitFor()
  return page.evaluate(
    "[...document.querySelectorAll('#localsearch-list a')].map((link) => decodeURI(link.getAttribute('href')))"
  )
}

describe("the search", () => {
  it.each([
    ["index.html", "99991663", "/reference/error-codes.html#99991663"],
    ["index.html", "10012", "/reference/error-codes.html#10012"],
    ["index.html", "tenant key", "/reference/glossary.html#tenant-key"],
    ["index.html", "FeishuClient forTenant", "/api/core/FeishuClient.html#forTenant"],
    ["zh/index.html", "99991663", "/zh/reference/error-codes.html#99991663"],
    ["zh/index.html", "商店应用", "/zh/reference/glossary.html#商店应用"],
    ["zh/index.html", "加密策略", "/zh/reference/glossary.html#encrypt-key"],
    ["zh/index.html", "发布", "/zh/guide/after-a-deploy.html"],
    ["zh/index.html", "应用类型", "/zh/reference/console.html"],
    ["zh/index.html", "白名单", "/zh/reference/console.html"]
  ])("on %s finds %s", async (path, query, expected) => {
    const problems = await withPage(desktop, async (page) => {
      await open(page, path)
      const found = await search(page, query)
      assert.isTrue(
        found.slice(0, 3).some((address) => address.startsWith(expected)),
        `${expected} is not among the first of ${found.join(" ")}`
      )
    })
    assert.deepStrictEqual(problems, [])
  })

  it("leads to the code", async () => {
    const problems = await withPage(desktop, async (page) => {
      await open(page, "index.html")
      await search(page, "99991663")
      await page.keyboard.press("Enter")
      await page.waitForURL(/#99991663$/)
      await page.waitForFunction(
        `(() => {
          const { top } = document.getElementById("99991663")?.getBoundingClientRect() ?? { top: -1 }
          return top >= 0 && top < innerHeight
        })()`
      )
    })
    assert.deepStrictEqual(problems, [])
  })
})

it("leads from a page to the same page in the other language", async () => {
  const problems = await withPage(phone, async (page) => {
    await open(page, "reference/glossary.html")
    await page.locator(".VPNavBarHamburger").click()
    await page.locator(".VPNavScreenTranslations button").click()
    await page.locator(".VPNavScreenTranslations a").click()
    await page.waitForURL(`${origin}/zh/reference/glossary.html`)
    await page.locator("h1", { hasText: "术语表" }).waitFor()
  })
  assert.deepStrictEqual(problems, [])
})
