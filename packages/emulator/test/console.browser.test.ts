// oxlint-disable eslint/no-await-in-loop -- a user does one thing after the other
/** The console in a real browser, against an emulator and an app that listen. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { build, type BuildOptions } from "esbuild"
import { fileURLToPath } from "node:url"
import type { Browser, Page } from "playwright-core"
import type { Fault, PushFault, Rule } from "../src/Fault.js"
import { templates } from "../src/internal/control/templates.js"
import { buttonsAndForms, credentials, type Options, show, type Shown, used } from "./browser.js"
import * as BrowserTest from "./browser.js"
import { selfBuiltApp, storeApp } from "./client.js"

let browser: Browser
beforeAll(async () => {
  browser = await BrowserTest.launch()
})
afterAll(() => browser.close())

const test = (name: string, options: Options, run: (shown: Shown) => Promise<void>) =>
  it.scopedLive(name, () => show(browser, options, run))

const run = Effect.runPromise
const auth = "/open-apis/auth/v3"
const { app_id: appId } = credentials(storeApp)

/** Gets an app access token with a ticket that was pushed, as the app does. */
const getTokens = async ({ call, events }: Pick<Shown, "call" | "events">) => {
  const ticket = events.findLast(({ event }) => event?.type === "app_ticket")?.["event"].app_ticket
  const { app_access_token } = await call(`${auth}/app_access_token`, {
    ...credentials(storeApp),
    app_ticket: ticket
  })
  await call(`${auth}/tenant_access_token`, { app_access_token, tenant_key: "tenant_1" })
}

const textOf = async (page: Page, selector: string) => (await page.locator(selector).textContent() ?? "").trim()

/** Waits until a function in this process returns a value. */
const eventually = async <A>(get: () => Promise<A | undefined> | A | undefined): Promise<A> => {
  for (let n = 0; n < 300; n++) {
    const value = await get()
    if (value !== undefined && value !== false) return value
    await run(Effect.sleep("10 millis"))
  }
  return assert.fail("not within 3 s")
}

const rows = (page: Page) => page.locator("#rows li")
const whats = (page: Page) => page.locator("#rows .what").allTextContents()

/** Waits until the list shows so many rows. */
const waitForRows = (page: Page, count: number) =>
  page.waitForFunction((count) => document.querySelectorAll("#rows li").length === count, count)

/** Opens the form that sends, and fills the payload. */
const sendPayload = async ({ button, page }: Shown, options: {
  readonly template?: string
  readonly kind?: "event" | "callback"
  readonly type?: string
  readonly schema?: "1.0" | "2.0"
  readonly tenant?: string
  readonly payload?: unknown
}) => {
  if (!await page.locator("#send").isVisible()) await button("Push an event…").click()
  if (options.template !== undefined) {
    await page.getByRole("combobox", { name: "Template" }).selectOption(options.template)
  }
  if (options.kind !== undefined) await page.locator("#send-kind").selectOption(options.kind)
  if (options.type !== undefined) await page.getByLabel("Type", { exact: true }).fill(options.type)
  if (options.schema !== undefined) await page.getByRole("combobox", { name: "Schema" }).selectOption(options.schema)
  if (options.tenant !== undefined) {
    await page.getByRole("combobox", { name: "Tenant", exact: true }).selectOption(options.tenant)
  }
  if (options.payload !== undefined) {
    await page.getByLabel("Payload").fill(
      typeof options.payload === "string" ? options.payload : JSON.stringify(options.payload)
    )
  }
  await button("Send").click()
  await page.locator("#send-now:enabled").waitFor()
}

/** Returns what the form shows of an answer to a pressed button. */
const press = async (shown: Shown, answer: unknown, type = "card.action.trigger") => {
  await sendPayload(shown, {
    template: type,
    payload: { action: { tag: "button", value: { answer } }, context: { url: "https://example.com/" } }
  })
  return shown.page.locator("#send-result").innerText()
}

/** Returns the page as a bundle of the emulator has it. */
const bundled = async (options: BuildOptions): Promise<typeof import("../src/internal/control/page.js")> => {
  const { outputFiles } = await build({
    ...options,
    entryPoints: [fileURLToPath(new URL("../src/internal/control/page.ts", import.meta.url))],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    write: false
  })
  return await import(`data:text/javascript,${encodeURIComponent(outputFiles?.[0]?.text ?? "")}`)
}

/** Returns the contrast of texts with what is behind them. */
const contrastsOf = (page: Page) =>
  page.evaluate(() => {
    const luminance = (color: string): number => {
      const [r = 0, g = 0, b = 0] = (color.match(/[\d.]+/g) ?? []).map((part) => {
        const value = Number(part) / 255
        return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const groundOf = (element: Element | null): string => {
      const ground = element === null ? "rgb(255, 255, 255)" : getComputedStyle(element).backgroundColor
      return /^rgba\(.*, 0\)$/.test(ground) && element !== null ? groundOf(element.parentElement) : ground
    }
    const selectors = ["h1", ".hint", "#app-state", "#rows .bad", "#rows .time", "#push-ticket", "#apps small"]
    return selectors.map((selector) => {
      const element = document.querySelector(selector)
      const both = element === null ? [] : [getComputedStyle(element).color, groundOf(element)].map(luminance)
      const [dark = 0, light = 0] = both.toSorted((one, other) => one - other)
      return { selector, contrast: (light + 0.05) / (dark + 0.05) }
    })
  })

describe("The console", () => {
  test("without a request URL the first steps are shown, and a URL that passes the handshake is saved", {
    isSaved: false
  }, async ({ button, emulator, page, url, waitFor }) => {
    await waitFor("#first-steps-text", `FEISHU_BASE_URL=${emulator.baseUrl}`)
    const code = await textOf(page, "#first-steps-code")
    for (const part of [`appId: "${appId}"`, "lark.AppType.ISV", `domain: "${emulator.baseUrl}"`]) {
      assert.include(code, part)
    }
    assert.strictEqual(await textOf(page, "#url-saved"), "None is saved.")
    const field = page.getByRole("textbox", { name: "Request URL" })
    await field.fill("http://127.0.0.1:9/")
    await button("Save").click()
    await waitFor("#app-result.bad", "The URL is not saved: it cannot be reached.")
    await waitFor("#rows .bad", "failed")
    await field.fill(url)
    await field.press("Enter")
    await waitFor("#app-result.good", "The handshake passed, and the URL is saved.")
    await waitFor("#rows .good", "passed")
    assert.strictEqual(await textOf(page, "#url-saved"), `Saved: ${url}`)
    assert.isFalse(await page.locator("#first-steps").isVisible())
    assert.strictEqual((await run(emulator.apps))[0]?.requestUrl, url)
  })

  test("a ticket and tokens are shown without their values, and are made invalid", {}, async (shown) => {
    const { button, emulator, events, page, waitFor } = shown
    await button("Push a ticket").click()
    await waitFor("#app-result.good", "The app acknowledged the ticket with HTTP 200.")
    await waitFor("#rows .what", "app_ticket")
    const ticket = events.at(-1)?.["event"].app_ticket as string
    assert.strictEqual(await textOf(page, "#tickets code"), `${ticket.slice(0, 4)}…${ticket.slice(-2)}`)
    assert.match(await textOf(page, "#tickets .rest"), /^2 h 59 min left$/)
    await getTokens(shown)
    await waitFor("#tokens li", "tenant · tenant_1")
    assert.match(
      await textOf(page, "#tokens li:has-text('tenant_1')"),
      /^t-\w\w…\w\w\s*tenant · tenant_1\s*1 h 59 min left$/
    )
    await waitFor("#apps small", "Tickets: 1 · Tokens: 2")
    assert.notInclude(await page.content(), ticket)
    await run(Effect.forEach(Array.from({ length: 60 }), () => emulator.userToken(appId)))
    await waitFor("#tokens li", "user · tenant_1")
    await waitFor("#tokens li", "and 12 more")
    await button("Invalidate tokens").click()
    await waitFor("#app-result.good", "All tokens of the app are invalid now.")
    await waitFor("#tokens li", /^None$/)
    assert.lengthOf(await run(emulator.tokens(appId)), 0)
    await button("Invalidate tickets").click()
    await waitFor("#app-result.good", "All tickets of the app are invalid now.")
    await waitFor("#tickets li", /^None$/)
    assert.lengthOf(await run(emulator.tickets(appId)), 0)
  })

  test("an app is disabled and enabled, and each app is shown when it is chosen", {
    apps: [storeApp, selfBuiltApp]
  }, async ({ button, emulator, page, waitFor }) => {
    await button("Disable the app").click()
    await waitFor("#app-result.good", "The app is disabled.")
    assert.strictEqual((await run(emulator.apps))[0]?.enabled, false)
    await button("Push a ticket").click()
    await waitFor("#app-result.bad", "The app gets no ticket: only a store app that is enabled does.")
    await button("Enable the app").click()
    await waitFor("#app-state", /^enabled$/)
    assert.strictEqual((await run(emulator.apps))[0]?.enabled, true)
    assert.strictEqual(await textOf(page, "#app-keys"), "events encrypted and signed, with a verification token")
    await button(/^cli_self_built/).click()
    await waitFor("#app-kind", "self-built app")
    assert.strictEqual(await textOf(page, "#app-keys"), "events not encrypted")
    assert.strictEqual(await textOf(page, "#app-result"), "")
    await page.locator("#apps [aria-current=true]").filter({ hasText: "cli_self_built" }).waitFor()
  })

  test("tenants are added and removed", {}, async ({ button, emulator, page, waitFor }) => {
    const field = page.getByRole("textbox", { name: "Tenant key" })
    await field.fill("tenant_3")
    await button("Add").click()
    await waitFor("#app-result.good", "The tenant tenant_3 has installed the app.")
    await eventually(async () => (await field.inputValue()) === "" || undefined)
    await field.fill("tenant_3")
    await field.press("Enter")
    await waitFor("#app-result.bad", "The tenant tenant_3 has installed the app already.")
    await button("Remove the tenant tenant_2").click()
    await waitFor("#app-result.good", "The tenant tenant_2 has uninstalled the app.")
    assert.deepStrictEqual((await run(emulator.apps))[0]?.tenants, ["tenant_1", "tenant_3"])
    await eventually(async () =>
      (await page.locator("#tenants span").allTextContents()).join() === "tenant_1,tenant_3" || undefined
    )
    await eventually(async () => (await page.evaluate(() => document.activeElement?.id)) === "tenant" || undefined)
  })

  test("the clock is run forward, and lives count down on the platform's clock", {}, async (shown) => {
    const { button, emulator, page, waitFor } = shown
    await button("Push a ticket").click()
    await waitFor("#tickets .rest", "2 h 59 min left")
    await button("+1 min").click()
    await waitFor("#clock-result.good", "The clock is 1 min ahead of this computer.")
    await waitFor("#tickets .rest", "2 h 58 min left")
    await button("+1 h").click()
    await waitFor("#clock-result", "1 h 1 min ahead")
    const field = page.getByRole("textbox", { name: "Other duration" })
    await field.fill("59 minutes")
    await button("Run").click()
    await waitFor("#clock-result", "2 h ahead")
    // The page counts down by itself.
    await waitFor("#tickets li:first-child .rest", /^59 min 5\d s left$/)
    const value = (await page.locator("#tickets li:first-child").innerText()).split(/\s/)[0] ?? ""
    assert.include(value, "…")
    await button("+2 h").click()
    await waitFor("#ahead", "4 h ahead")
    // The ticket has ended. Other tickets were pushed in the hours between.
    await eventually(async () => !(await page.locator("#tickets").innerText()).includes(value) || undefined)
    assert.strictEqual(await run(emulator.advanced), 4 * 60 * 60_000)
    await field.fill("soon")
    await field.press("Enter")
    await waitFor("#clock-result.bad", /The emulator does not understand “advance”: .*soon is no duration/)
  })

  test("an event of each template is pushed, and each delivery has an id of its own", {}, async (shown) => {
    const { button, events, page, waitFor } = shown
    for (const { kind, schema = "2.0", type } of templates) {
      await sendPayload(shown, { template: type })
      const received = events.at(-1)
      assert.strictEqual(received?.["header"]?.event_type ?? received?.["event"].type, type)
      assert.strictEqual(received?.["schema"] ?? "1.0", schema)
      await waitFor(
        "#send-result",
        kind === "event" ? `The app acknowledged ${type} with HTTP 200.` : "Nothing changes"
      )
    }
    await sendPayload(shown, { template: "im.message.receive_v1" })
    await sendPayload(shown, {})
    const ids = events.slice(-2).map(({ event }) => event.message.message_id as string)
    assert.match(ids[0] ?? "", /^om_emulator_[0-9a-f]{12}$/)
    assert.notStrictEqual(ids[0], ids[1])
    await page.locator("#send").getByRole("button", { name: "Close" }).click()
    assert.isFalse(await page.locator("#send").isVisible())
    assert.isTrue(await button("Push an event…").isVisible())
  })

  test(
    "JSON of one's own is sent with a type, a schema and a tenant, and a mistake is a sentence",
    {},
    async (shown) => {
      const { button, events, page, waitFor } = shown
      await sendPayload(shown, { template: "", type: "my.event", tenant: "tenant_2", payload: { a: 1 } })
      await waitFor("#send-result .good", "The app acknowledged my.event with HTTP 200.")
      assert.include(events.at(-1)?.["header"], { event_type: "my.event", tenant_key: "tenant_2" })
      assert.deepStrictEqual(events.at(-1)?.["event"], { a: 1 })
      await sendPayload(shown, { schema: "1.0", tenant: "", payload: { b: 2 } })
      assert.deepStrictEqual(events.at(-1)?.["event"], { app_id: appId, b: 2, type: "my.event" })
      const before = events.length
      await sendPayload(shown, { payload: "{" })
      await waitFor("#send-result .bad", "The payload is not a JSON object: ")
      await sendPayload(shown, { payload: "[1]" })
      await waitFor("#send-result .bad", "The payload is not a JSON object: [1]")
      assert.lengthOf(events, before)
      await sendPayload(shown, { payload: { fail: true } })
      await waitFor("#send-result .bad", "The app refused my.event with HTTP 500.")
      await sendPayload(shown, { kind: "callback", schema: "2.0", tenant: "tenant_1", payload: {} })
      await waitFor("#send-result", "Nothing changes for the user.")
      await page.keyboard.press("Escape")
      assert.isFalse(await page.locator("#send").isVisible())
      await button("Press a card's button…").click()
      await page.locator("#send").waitFor()
      assert.strictEqual(await page.getByLabel("Type", { exact: true }).inputValue(), "card.action.trigger")
    }
  )

  test("a delivery that a fault delays does not block the form", {}, async (shown) => {
    const { button, emulator, page, waitFor } = shown
    await run(emulator.setPushFaults([{ _tag: "Late", by: "1 hour" }]))
    await button("Push an event…").click()
    await button("Send").click()
    await waitFor("#send-result", "Waiting for the app…")
    await page.keyboard.press("Escape")
    await sendPayload(shown, { type: "in.time" })
    await waitFor("#send-result", "The app acknowledged in.time with HTTP 200.")
    await run(emulator.advance("2 hours"))
    await waitFor("#rows .what", "im.message.receive_v1")
    await waitFor("#send-result", "The app acknowledged in.time with HTTP 200.")
  })

  test(
    "a pressed button shows what the user sees: a toast, a card, a preview, or the platform's error",
    {},
    async (shown) => {
      const { page, waitFor } = shown
      for (
        const [type, word] of Object.entries({ info: "Info", success: "Success", error: "Error", warning: "Warning" })
      ) {
        assert.match(await press(shown, { toast: { type, content: `A ${type}` } }), new RegExp(`${word}\\s*A ${type}`))
        await page.locator(`#send-result .toast.${type}`).waitFor()
      }
      const i18n = { zh_cn: "你好", en_us: "Hello" }
      assert.include(await press(shown, { toast: { content: "-", i18n } }), "Hello")
      const card = { type: "raw", data: { schema: "2.0" } }
      assert.match(await press(shown, { card }), /The new card\s+\{\s+"type": "raw"/)
      assert.include(await press(shown, {}), "Nothing changes for the user.")
      assert.include(
        await press(shown, { toast: { type: "loud" } }),
        "The user sees the platform's own error: the answer is not of the shape that card.action.trigger allows"
      )
      const inline = { i18n_title: { en_us: "A title", zh_cn: "标题" }, image_key: "img_1" }
      assert.match(await press(shown, { inline }, "url.preview.get"), /The preview of the link\s+A title[^]*img_1/)
      assert.strictEqual(await page.getAttribute("#send-result", "aria-live"), "polite")
      await page.keyboard.press("Escape")
      await page.locator("#language").click()
      await page.locator("#press-button").click()
      await page.locator("#send-payload").fill(
        JSON.stringify({ action: { value: { answer: { toast: { content: "-", i18n } } } } })
      )
      await page.locator("#send-now").click()
      await waitFor("#send-result .toast", "你好")
    }
  )

  test("each kind of fault is set, with each way to say when, and all are cleared", {}, async (shown) => {
    const { button, emulator, page, waitFor } = shown
    const dialog = page.locator("#fault")
    const rules = async (): Promise<ReadonlyArray<Rule<Fault | PushFault>>> => [
      ...await run(emulator.faults),
      ...await run(emulator.pushFaults)
    ]
    await button("Add a fault…").click()
    const kinds = await page.locator("#fault-kind option").evaluateAll((options) =>
      options.map((option) => option.getAttribute("value") ?? "")
    )
    assert.lengthOf(kinds, 15)
    for (const kind of kinds) {
      if (!await dialog.isVisible()) await button("Add a fault…").click()
      await page.locator("#fault-kind").selectOption(kind)
      await dialog.getByRole("button", { name: "Add", exact: true }).click()
      await dialog.waitFor({ state: "hidden" })
    }
    await page.waitForFunction((count) => document.querySelectorAll("#faults li").length === count, kinds.length)
    assert.deepStrictEqual(
      (await rules()).map(({ fault }) => fault._tag as string),
      kinds.map((kind) => kind === "RateLimit" ? "Refuse" : kind)
    )
    await waitFor("#faults li", "Calls: Refuse with a code 99991400, the next 1 times")
    await waitFor("#faults li", "Pushes: Tamper with the first delivery, the next 1 times")
    await button("Clear faults").click()
    await waitFor("#faults-result.good", "Nothing goes wrong from now on.")
    await waitFor("#faults li", /^None$/)
    assert.lengthOf(await rules(), 0)

    await button("Add a fault…").click()
    await page.getByRole("combobox", { name: "Fault", exact: true }).selectOption("Refuse")
    await page.getByLabel("Code", { exact: true }).fill("1234")
    await page.getByLabel("HTTP status").fill("418")
    await page.getByRole("combobox", { name: "When" }).selectOption("every")
    await page.getByLabel("Number").fill("2")
    await page.getByLabel("Only for this path").fill("/nowhere")
    await dialog.getByRole("button", { name: "Add", exact: true }).click()
    await waitFor("#fault-result.bad", "The rule is not set: /nowhere is no path of the platform")
    await page.getByLabel("Only for this path").fill("/open-apis/im/v1/chats")
    await dialog.getByRole("button", { name: "Add", exact: true }).click()
    await waitFor("#faults li", "Calls: Refuse with a code 1234, every 2 times, only /open-apis/im/v1/chats")

    await button("Add a fault…").click()
    await page.getByRole("combobox", { name: "Fault", exact: true }).selectOption("Lost")
    await page.getByRole("combobox", { name: "When" }).selectOption("probability")
    await page.getByLabel("Number").fill("2")
    await page.getByLabel("Only for this type").fill("app_ticket")
    await dialog.getByRole("button", { name: "Add", exact: true }).click()
    await waitFor("#fault-result.bad", "The emulator does not understand “pushes.0.probability”")
    await page.getByLabel("Number").fill("1")
    await dialog.getByRole("button", { name: "Add", exact: true }).click()
    await waitFor("#faults li", "Pushes: Lose the push, with the probability 1, only app_ticket")
    await button("Push a ticket").click()
    await waitFor("#app-result.bad", "the ticket was lost, because of a fault.")
    await button("Add a fault…").click()
    await dialog.getByRole("button", { name: "Cancel" }).click()
    assert.isFalse(await dialog.isVisible())
  })

  test("calls and deliveries appear as they happen, the newest first, filtered by app and kind", {
    apps: [storeApp, selfBuiltApp]
  }, async (shown) => {
    const { call, emulator, page, waitFor } = shown
    assert.isTrue(await page.locator("#rows-empty").isVisible())
    await call(`${auth}/app_access_token/internal`, credentials(selfBuiltApp))
    await waitFor("#rows .what", "POST /open-apis/auth/v3/app_access_token/internal")
    assert.isFalse(await page.locator("#rows-empty").isVisible())
    await run(emulator.pushAndWait(appId, { type: "an.event", payload: {} }))
    await run(emulator.callback(appId, { type: "a.callback", payload: {} }))
    await run(emulator.setRequestUrl(appId, shown.url))
    const all = ["handshake", "a.callback", "an.event", "POST /open-apis/auth/v3/app_access_token/internal"]
    await waitForRows(page, 4)
    assert.deepStrictEqual(await whats(page), all)
    const kinds = page.locator("#filter-kind")
    for (const [index, kind] of ["handshake", "callback", "event", "call"].entries()) {
      await kinds.selectOption(kind)
      await waitForRows(page, 1)
      assert.deepStrictEqual(await whats(page), all.slice(index, index + 1))
    }
    await kinds.selectOption("")
    await page.locator("#filter-app").selectOption("cli_self_built")
    await waitForRows(page, 1)
    await run(emulator.pushAndWait(appId, { type: "another.event", payload: {} }))
    await page.locator("#filter-app").selectOption("")
    await waitForRows(page, 5)
    await page.reload()
    await waitForRows(page, 5)
  })

  test("the list is paused, cleared, and forgotten by a reset", {}, async (shown) => {
    const { button, emulator, page, waitFor } = shown
    const push = () => run(emulator.pushAndWait(appId, { type: "an.event", payload: {} }))
    await push()
    await waitForRows(page, 1)
    await button("Pause").click()
    assert.strictEqual(await page.getAttribute("#pause", "aria-pressed"), "true")
    await push()
    await push()
    await button("Resume (2 new)").waitFor()
    assert.strictEqual(await rows(page).count(), 1)
    await button("Resume (2 new)").click()
    await waitForRows(page, 3)
    await button("Clear the journal").click()
    await waitFor("#traffic-result", "The journal is empty.")
    await waitForRows(page, 0)
    assert.lengthOf(await run(emulator.journal), 0)
    await push()
    await waitForRows(page, 1)

    await button("Reset…").click()
    await page.locator("#reset").getByRole("button", { name: "Cancel" }).click()
    assert.lengthOf(await run(emulator.journal), 1)
    await run(emulator.pushTicketAndWait(appId))
    await button("Reset…").click()
    await button("Reset").click()
    await waitFor("#traffic-result", "The emulator began anew.")
    await waitForRows(page, 0)
    assert.lengthOf(await run(emulator.journal), 0)
    assert.lengthOf(await run(emulator.tickets(appId)), 0)
    assert.isFalse(await page.locator("#reset").isVisible())
  })

  test(
    "what others change is shown: the journal cleared, an app added, a fault set",
    {},
    async ({ emulator, page, waitFor }) => {
      await run(emulator.pushAndWait(appId, { type: "an.event", payload: {} }))
      await waitForRows(page, 1)
      await run(emulator.clearJournal)
      await run(emulator.setApp(selfBuiltApp))
      await run(emulator.setFaults([{ _tag: "Drop" }]))
      await waitFor("#apps", "cli_self_built")
      await waitFor("#faults li", "Drop the connection")
      await waitForRows(page, 0)
    }
  )

  test("the details of an entry show headers, bodies, attempts and the answer", {}, async (shown) => {
    const { button, call, emulator, page, waitFor } = shown
    await run(emulator.pushAndWait(appId, { type: "an.event", payload: { fail: true, text: "hello" } }))
    await run(emulator.advance("1 minute"))
    await eventually(async () => (await run(emulator.journal)).length === 2 || undefined)
    await call(`${auth}/app_access_token`, { ...credentials(storeApp), app_ticket: "wrong" })
    await waitForRows(page, 3)
    const details = page.getByRole("complementary")
    await rows(page).nth(1).click()
    await waitFor("#details-title", "an.event")
    let text = await details.innerText()
    for (
      const part of [
        "refused · 500",
        "tenant_1",
        "the platform",
        "x-lark-signature",
        "\"text\": \"hello\"",
        "\"token\": \"…\""
      ]
    ) assert.include(text, part)
    assert.match(text, /Attempt\s+2/)
    assert.match(text, /Answer\s+\{\}/)
    assert.match(text, /\d+ ms/)
    assert.notInclude(text, "a verification token")
    await page.locator("#attempts").getByRole("button", { name: "1: refused · 500" }).click()
    await waitFor("#details-body dd", /^1$/)
    // Another attempt appears while the details are shown.
    await run(emulator.advance("10 minutes"))
    await page.locator("#attempts").getByRole("button", { name: "3: refused · 500" }).waitFor()

    await page.locator("#rows li", { hasText: "POST" }).click()
    await waitFor("#details-title", "POST /open-apis/auth/v3/app_access_token")
    text = await details.innerText()
    for (const part of ["200 · ", appId, "Bearer token", "Log id", "\"app_secret\": \"…\"", "Headers"]) {
      assert.include(text, part)
    }
    await button("Close the details").click()
    assert.isFalse(await details.isVisible())
    assert.strictEqual(await page.evaluate(() => document.activeElement?.id), "rows")

    await run(Effect.ignore(emulator.setRequestUrl(appId, "http://127.0.0.1:9/")))
    await page.locator("#rows li", { hasText: "handshake" }).click()
    await waitFor("#details-body dd", "it cannot be reached")
    await page.keyboard.press("Escape")
    assert.isFalse(await details.isVisible())

    // The page does not learn that the journal is empty.
    await page.route("**/_emulator/state", (route) => route.abort())
    await run(emulator.clearJournal)
    await rows(page).first().click()
    await waitFor("#details-body", "The entry is not in the journal any more.")
  })

  test("the page connects again after the emulator was away", { mayFail: true }, async (shown) => {
    const { button, emulator, page, restart, waitFor } = shown
    for (let n = 0; n < 3; n++) await run(emulator.pushAndWait(appId, { type: "before", payload: {} }))
    await waitForRows(page, 3)
    const again = await restart(async () => {
      await waitFor("#connection[data-state=disconnected]", "The emulator does not answer. Trying again…")
      await button("Push a ticket").click()
      await waitFor("#app-result.bad", "The emulator does not answer.")
    })
    await run(again.pushAndWait(appId, { type: "after", payload: {} }))
    await waitFor("#connection[data-state=connected]", "Connected")
    await waitForRows(page, 1)
    await run(again.pushAndWait(appId, { type: "later", payload: {} }))
    await waitForRows(page, 2)
    assert.deepStrictEqual(await whats(page), ["later", "after"])
    assert.strictEqual(await page.getAttribute("#connection", "role"), "status")
  })

  test(
    "the language is that of the browser, and a switch is remembered",
    { locale: "zh-CN" },
    async ({ emulator, page, waitFor }) => {
      assert.strictEqual(await page.title(), "飞书模拟器")
      assert.strictEqual(await page.getAttribute("html", "lang"), "zh-CN")
      await run(emulator.pushAndWait(appId, { type: "an.event", payload: {} }))
      await waitFor("#rows .good", "已确认 · 200")
      await page.getByRole("button", { name: "推送 ticket" }).click()
      await waitFor("#app-result", "应用以 HTTP 200 确认了 ticket 。")
      await page.getByRole("button", { name: "切换为英文" }).click()
      await waitFor("h1", "Feishu emulator")
      await waitFor("#rows .good", "acknowledged · 200")
      await page.reload()
      await waitFor("h1", "Feishu emulator")
      assert.strictEqual(await page.getAttribute("html", "lang"), "en")
    }
  )

  test("the light and the dark scheme have enough contrast", { colorScheme: "light" }, async ({ call, page }) => {
    await call(`${auth}/app_access_token`, {})
    await waitForRows(page, 1)
    for (const [colorScheme, expected] of [["light", "rgb(246, 247, 248)"], ["dark", "rgb(20, 23, 26)"]] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" })
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
      assert.strictEqual(ground, expected)
      for (const { contrast, selector } of await contrastsOf(page)) {
        assert.isAbove(contrast, 4.5, `${colorScheme} ${selector}`)
      }
    }
  })

  test("the page fits into 320 px and 390 px, in one column", {
    viewport: { width: 320, height: 700 },
    apps: [storeApp, selfBuiltApp]
  }, async ({ call, emulator, page }) => {
    const fits = async (what: string) => {
      const { inner, scroll } = await page.evaluate(() => ({
        inner: innerWidth,
        scroll: Math.max(
          document.documentElement.scrollWidth,
          ...[...document.querySelectorAll("dialog[open], #details")].map((element) => element.scrollWidth)
        )
      }))
      assert.isAtMost(scroll, inner, what)
      assert.strictEqual(inner, page.viewportSize()?.width)
    }
    await call(`/open-apis/${"a-long-path/".repeat(20)}`, {})
    await run(emulator.pushTicketAndWait(appId))
    await waitForRows(page, 2)
    for (const [language, width] of [["en", 320], ["zh", 320], ["en", 390]] as const) {
      await page.setViewportSize({ width, height: 700 })
      await fits(language)
      for (const button of ["#push-event", "#fault-open", "#reset-open", "#help-open"]) {
        await page.locator(button).click()
        await page.locator("dialog[open]").waitFor()
        await fits(`${language} ${button}`)
        await page.keyboard.press("Escape")
      }
      await rows(page).last().click()
      await page.locator("#details").waitFor()
      await fits(`${language} details`)
      await page.keyboard.press("Escape")
      await page.locator("#language").click()
    }
    const [side, traffic] = await Promise.all([".side", ".traffic"].map((part) => page.locator(part).boundingBox()))
    assert.isAtLeast(traffic?.y ?? 0, (side?.y ?? 0) + (side?.height ?? 0))
  })

  test("the keyboard alone is enough, and the focus is seen", { apps: [storeApp, selfBuiltApp] }, async (shown) => {
    const { emulator, events, page, waitFor } = shown
    const focus = () =>
      page.evaluate(() => {
        const element = document.activeElement ?? document.body
        const { outlineStyle, outlineWidth } = getComputedStyle(element)
        return {
          id: element.id || element.textContent?.slice(0, 20) || "",
          isSeen: outlineStyle !== "none" && outlineWidth !== "0px"
        }
      })
    const order: Array<string> = []
    for (let n = 0; n < 40; n++) {
      await page.keyboard.press("Tab")
      const { id, isSeen } = await focus()
      if (id === "rows") break
      order.push(id)
      assert.isTrue(isSeen, id)
    }
    for (
      const [before, after] of [["language", "url"], ["url", "tenant"], ["push-ticket", "fault-open"], [
        "fault-open",
        "pause"
      ]]
    ) {
      assert.isAbove(order.indexOf(after ?? ""), order.indexOf(before ?? ""), order.join(", "))
      assert.include(order, before)
    }

    await page.keyboard.press("?")
    const help = page.getByRole("dialog", { name: "Keyboard shortcuts" })
    await help.waitFor()
    const listed = await help.locator("kbd").allTextContents()
    assert.includeMembers(listed, ["?", "t", "e", "b", "f", "p", "j", "k", "Enter", "a", "l", "Esc"])
    // A shortcut does nothing while a dialog is open.
    await page.keyboard.press("t")
    await page.keyboard.press("Escape")
    assert.isFalse(await help.isVisible())
    assert.lengthOf(events, 0)

    await page.keyboard.press("t")
    await waitFor("#app-result", "The app acknowledged the ticket")
    await page.keyboard.press("e")
    await page.getByRole("dialog", { name: "Send to the app" }).waitFor()
    await page.locator("#send-payload").press("Escape")
    await page.keyboard.press("b")
    // The dialog opens after the templates have come.
    await page.getByRole("dialog", { name: "Send to the app" }).waitFor()
    await page.locator("#send-type").focus()
    await page.keyboard.press("Enter")
    await waitFor("#send-result", "Nothing changes for the user.")
    await page.keyboard.press("Escape")
    await page.keyboard.press("f")
    await page.getByRole("dialog", { name: "Add a fault…" }).waitFor()
    await page.keyboard.press("Escape")
    await page.keyboard.press("p")
    await page.locator("#pause[aria-pressed=true]").waitFor()
    await page.keyboard.press("p")
    await run(emulator.pushAndWait(appId, { type: "an.event", payload: {} }))
    await waitForRows(page, 3)

    await page.keyboard.press("j")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("k")
    await page.keyboard.press("End")
    await page.keyboard.press("Enter")
    await waitFor("#details-title", "app_ticket")
    assert.strictEqual((await focus()).id, "details")
    await page.keyboard.press("Escape")
    assert.strictEqual((await focus()).id, "rows")
    await page.keyboard.press("Home")
    await page.keyboard.press(" ")
    await waitFor("#details-title", "an.event")
    await page.keyboard.press("Escape")

    await page.keyboard.press("a")
    await waitFor("#apps [aria-current=true]", "cli_self_built")
    await page.keyboard.press("l")
    await waitFor("h1", "飞书模拟器")
    // A letter in a field is a letter.
    await page.locator("#tenant").focus()
    await page.keyboard.type("table")
    assert.strictEqual(await page.locator("#tenant").inputValue(), "table")
  })

  test("a screen reader has a name for each control", {}, async ({ page }) => {
    const nameless = await page.locator("button, input, select, textarea, ul[role], aside, dialog, section")
      .evaluateAll((elements) =>
        elements.filter((element) =>
          !(element.getAttribute("aria-label")
            || element.getAttribute("aria-labelledby")
            || element.closest("label")?.textContent?.trim()
            || (element.tagName === "BUTTON" && element.textContent?.trim()))
        ).map(({ outerHTML }) => outerHTML.slice(0, 100))
      )
    assert.deepStrictEqual(nameless, [])
  })

  test("texts of others stay texts: nothing of them becomes an element or runs", { mayFail: false }, async (shown) => {
    const { button, call, emulator, page, waitFor } = shown
    const hostile = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>"
    await call(`/open-apis/${encodeURI(hostile)}?q=${hostile}`, { [hostile]: hostile })
    await run(emulator.updateApp(appId, (app) => ({ ...app, tenants: [hostile] })))
    await run(emulator.setApp({ ...selfBuiltApp, appId: hostile }))
    await run(emulator.setPushFaults([{ fault: { _tag: "Held" }, only: [hostile], when: { _tag: "Next", count: 2 } }]))
    await run(
      emulator.pushAndWait(appId, { type: hostile, payload: { [hostile]: hostile, fail: true } }).pipe(
        Effect.timeoutOption("200 millis")
      )
    )
    await run(emulator.pushAndWait(appId, { type: `${hostile}2`, payload: { [hostile]: hostile } }))
    await waitFor("#rows .what", `${hostile}2`)
    await waitFor("#apps", hostile)
    await waitFor("#tenants", hostile)
    await waitFor("#faults", hostile)
    for (let n = 0; n < await rows(page).count(); n++) {
      await rows(page).nth(n).click()
      await page.locator("#details").waitFor()
    }
    await waitFor("#details-body", "onerror")
    await page.keyboard.press("Escape")
    assert.include(
      await press(shown, { toast: { content: hostile }, card: { type: "raw", data: { [hostile]: hostile } } }),
      hostile
    )
    await page.keyboard.press("Escape")
    await page.locator("#apps button", { hasText: "<img" }).click()
    await button("Push a ticket").click()
    await waitFor("#app-result", "no ticket")
    assert.strictEqual(await page.locator("img, iframe, object, body script ~ script").count(), 0)
    assert.isFalse(await page.evaluate("'hacked' in window"))
  })

  test(
    "the content security policy lets nothing run that is not the page's own",
    { mayFail: true },
    async ({ emulator, page }) => {
      const response = await fetch(emulator.baseUrl)
      assert.notInclude(response.headers.get("content-security-policy"), "unsafe")
      const refused = await page.evaluate(async () => {
        const script = document.createElement("script")
        const attempt = (run: () => void) => {
          try {
            run()
            return "done"
          } catch (error) {
            return String(error)
          }
        }
        return {
          html: attempt(() => {
            document.body.innerHTML = "<p>changed</p>"
          }),
          script: attempt(() => {
            script.text = "window.hacked = 1"
            document.body.append(script)
          }),
          elsewhere: await fetch("http://127.0.0.1:9/", { mode: "no-cors" }).then(() => "done", String)
        }
      })
      assert.match(refused.html, /TypeError/)
      assert.match(refused.script, /TypeError/)
      assert.match(refused.elsewhere, /TypeError/)
      assert.isFalse(await page.evaluate("'hacked' in window"))
    }
  )

  it.scopedLive("the page stays responsive and bounded while 5,000 entries arrive", () =>
    show(browser, {}, async ({ button, emulator, page }) => {
      await run(emulator.updateApp(appId, (app) => ({
        ...app,
        requestUrl: () => Effect.succeed({ status: 200, body: "{}" })
      })))
      await page.evaluate(`
        window.longest = 0
        let before = performance.now()
        const frame = (now) => {
          window.longest = Math.max(window.longest, now - before)
          before = now
          requestAnimationFrame(frame)
        }
        requestAnimationFrame((now) => { before = now; frame(now) })
      `)
      const pushes = run(Effect.forEach(
        Array.from({ length: 5_000 }),
        () => emulator.pushAndWait(appId, { type: "an.event", payload: {} }),
        { concurrency: 50, discard: true }
      ))
      // A press in the middle of it is answered.
      await rows(page).nth(100).waitFor()
      await button("Pause").click()
      await button(/^Resume/).click()
      await pushes
      await page.waitForFunction(
        () => document.querySelector("#rows li")?.getAttribute("data-id") === "5000",
        undefined,
        {
          timeout: 15_000
        }
      )
      assert.isAtMost(await rows(page).count(), 1000)
      // The longest time between two frames, in milliseconds, on a machine that other tests use, too.
      assert.isBelow(await page.evaluate<number>("window.longest"), 1500)
    }))

  test("the page works when a bundler has changed its functions", {}, async ({ emulator, page, waitFor }) => {
    const ways = [
      // As the command `feishu-ticket` is bundled.
      { minifyWhitespace: true, minifySyntax: true },
      { minify: true },
      // As `tsx` compiles.
      { keepNames: true }
    ]
    for (const options of ways) {
      const { headers, html } = await bundled(options)
      await page.route(`${emulator.baseUrl}/`, (route) => route.fulfill({ headers, body: html }), { times: 1 })
      await page.reload()
      await waitFor("#connection[data-state=connected]", "Connected")
      await page.locator("#push-ticket").click()
      await waitFor("#app-result", "The app acknowledged the ticket")
    }
    await waitForRows(page, ways.length)
  })

  // The last test, because it looks at what the others have used.
  test(
    "each button and each form of the page was used in one of these tests",
    {},
    async ({ button, page, waitFor }) => {
      await button(/^Shortcuts/).click()
      await page.locator("#help").getByRole("button", { name: "Close" }).click()
      await waitFor("#connection", "Connected")
      assert.deepStrictEqual((await buttonsAndForms(page)).filter((name) => !used.has(name)), [])
    }
  )
})
