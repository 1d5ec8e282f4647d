/** A Chromium that shows the console of an emulator. */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Redacted, Runtime, Scope } from "effect"
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core"
import type { App } from "../src/App.js"
import * as Emulator from "../src/Emulator.js"
import * as Client from "./client.js"

export const launch = (): Promise<Browser> =>
  // The sandbox of the browser needs rights that a container does not have.
  chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "", args: ["--no-sandbox", "--disable-gpu"] })

/** The buttons that were pressed and the forms that were submitted, in any test. */
export const used = new Set<string>()

/** Names a button or a form: by its id, by its action, or by the list that has the button. */
const nameOf = (element: Element): string =>
  element.id
  || element.getAttribute("data-advance")
  || `${element.closest("[id]")?.id} ${element.hasAttribute("data-close") ? "close" : "item"}`

/** Returns the names of all buttons and forms of the page. */
export const buttonsAndForms = (page: Page): Promise<ReadonlyArray<string>> =>
  page.evaluate(
    `[...document.querySelectorAll("button:not(form button:not([type])), form")].map(${nameOf})`
  )

/** An app behind a request URL. A callback gets the answer that the payload has in `action.value.answer`. */
export const listenAs = (app: App) => {
  const events: Array<ReturnType<typeof Client.open>> = []
  return Effect.map(
    Client.listen((request, response) => {
      let body = ""
      request.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk
      }).on("end", () => {
        const event = Client.open(app, { headers: request.headers as Record<string, string>, body })
        events.push(event)
        const { challenge, event: payload } = event
        response.statusCode = payload?.fail === true ? 500 : 200
        response.end(JSON.stringify(challenge === undefined ? payload?.action?.value?.answer ?? {} : { challenge }))
      })
    }),
    (origin) => ({ url: `${origin}/webhook/event`, events })
  )
}

export interface Shown {
  readonly page: Page
  readonly emulator: Emulator.Service
  /** Restarts the emulator on the same port after `between`. */
  readonly restart: (between: () => Promise<void>) => Promise<Emulator.Service>
  /** The request URL of the first app. */
  readonly url: string
  /** What arrived there. */
  readonly events: Array<ReturnType<typeof Client.open>>
  /** Calls the emulator as an app does. */
  readonly call: (path: string, body: unknown) => Promise<{ readonly [field: string]: unknown }>
  readonly button: (name: string | RegExp) => Locator
  /** Waits until an element has a text. */
  readonly waitFor: (selector: string, text: string | RegExp) => Promise<void>
}

export interface Options extends BrowserContextOptions {
  readonly apps?: ReadonlyArray<App>
  /** `false`: no request URL is saved at the start. Default: `true`. */
  readonly isSaved?: boolean
  /** `true`: errors in the console of the browser are expected. */
  readonly mayFail?: boolean
}

const start = (apps: ReadonlyArray<App>, port: number) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(Layer.fresh(Emulator.layerServer({ apps, port })), scope)
    return { emulator: Context.get(context, Emulator.Emulator), stop: Scope.close(scope, Exit.void) }
  })

/** Opens the console, runs the test, and fails if the page broke a rule of its own. */
export const show = (
  browser: Browser,
  { apps = [Client.storeApp], isSaved = true, mayFail = false, ...options }: Options,
  test: (shown: Shown) => Promise<void>
) =>
  Effect.gen(function*() {
    const [first = assert.fail("no app")] = apps
    const { events, url } = yield* listenAs(first)
    const run = Runtime.runPromise(yield* Effect.runtime<never>())
    let running = yield* start(apps.map((app) => app === first && isSaved ? { ...app, requestUrl: url } : app), 0)
    yield* Effect.addFinalizer(() => Effect.suspend(() => running.stop))
    const { emulator } = running
    const port = Number(new URL(emulator.baseUrl).port)
    const context = yield* Effect.acquireRelease(
      Effect.promise(() =>
        browser.newContext({
          locale: "en-US",
          viewport: { width: 1280, height: 800 },
          reducedMotion: "reduce",
          ...options
        })
      ),
      (context) => Effect.promise(() => context.close())
    )
    const problems: Array<string> = []
    yield* Effect.promise(async () => {
      const page = await context.newPage()
      page.setDefaultTimeout(10_000)
      page.on("pageerror", ({ message }) => problems.push(message))
      // A violation of the content security policy is such a message, too.
      page.on("console", (message) => {
        // Answers that are errors are shown as sentences.
        if (message.type() === "error" && !/Failed to load resource/.test(message.text())) problems.push(message.text())
      })
      await page.exposeFunction("noteUse", (name: string) => used.add(name))
      await page.addInitScript(`
        const nameOf = ${nameOf}
        const note = ({ target }) => {
          const element = target instanceof Element ? target.closest("button, form") : null
          if (element !== null) noteUse(nameOf(element))
        }
        document.addEventListener("click", note, true)
        document.addEventListener("submit", note, true)
      `)
      await page.goto(emulator.baseUrl)
      await page.locator("#connection[data-state=connected]").waitFor()
      await test({
        page,
        emulator,
        url,
        events,
        restart: async (between) => {
          await run(running.stop)
          await between()
          running = await run(start(apps, port))
          return running.emulator
        },
        call: async (path, body) => {
          const response = await fetch(emulator.baseUrl + path, { method: "POST", body: JSON.stringify(body) })
          return await response.json() as { readonly [field: string]: unknown }
        },
        button: (name) => page.getByRole("button", { name, ...(typeof name === "string" && { exact: true }) }),
        waitFor: (selector, text) => page.locator(selector).filter({ hasText: text }).first().waitFor()
      })
    })
    if (!mayFail) assert.deepStrictEqual(problems, [])
  })

/** The credentials of an app, as a call has them. */
export const credentials = (app: App) => ({ app_id: app.appId, app_secret: Redacted.value(app.appSecret) })
