/** Makes the pictures of the README: `SCREENSHOTS=1 npx vitest run packages/emulator/test/screenshots.browser.test.ts`. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, statSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { credentials, launch, type Options, show } from "./browser.js"
import { selfBuiltApp, storeApp } from "./client.js"

const folder = fileURLToPath(new URL("../docs/", import.meta.url))

const pictures: Record<string, Options> = {
  light: { viewport: { width: 1260, height: 480 } },
  dark: { viewport: { width: 1260, height: 640 }, colorScheme: "dark", locale: "zh-CN" },
  phone: { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true }
}

const { app_id: appId } = credentials(storeApp)
const auth = "/open-apis/auth/v3"

const toast = {
  type: "success",
  content: "The request is approved.",
  i18n: { zh_cn: "已同意申请。", en_us: "The request is approved." }
}

/** What a developer does in the first minutes. */
const scenario: Parameters<typeof show>[2] = async ({ call, emulator, events, page }) => {
  const { runPromise } = Effect
  await call(`${auth}/app_ticket/resend`, credentials(storeApp))
  await page.locator("#rows .what", { hasText: "app_ticket" }).nth(1).waitFor()
  const app_ticket = events.at(-1)?.["event"].app_ticket
  const { app_access_token } = await call(`${auth}/app_access_token`, { ...credentials(storeApp), app_ticket })
  await call(`${auth}/tenant_access_token`, { app_access_token, tenant_key: "tenant_1" })
  await call(`${auth}/tenant_access_token`, { app_access_token: "a-wrong", tenant_key: "tenant_2" })
  await call(`${auth}/tenant_access_token/internal`, credentials(selfBuiltApp))
  const failing = { type: "contact.user.created_v3", payload: { fail: true } }
  await runPromise(emulator.pushAndWait(appId, failing))
  await runPromise(
    emulator.pushAndWait(appId, { type: "im.message.receive_v1", payload: { message: { content: "{}" } } })
  )
  await runPromise(emulator.setFaults([{
    fault: { _tag: "Refuse", code: 99991400, msg: "request trigger frequency limit", status: 429, resetSeconds: 3 },
    only: [`${auth}/tenant_access_token`],
    when: { _tag: "Every", nth: 5 }
  }]))
  await page.locator("#press-button").click()
  await page.locator("#send-payload").fill(
    JSON.stringify({ action: { tag: "button", value: { answer: { toast } } } }, null, 2)
  )
  await page.locator("#send-now").click()
  await page.locator("#send-result .toast").waitFor()
}

for (const [name, options] of Object.entries(pictures)) {
  it.scopedLive.skipIf(process.env["SCREENSHOTS"] !== "1")(`makes the ${name} picture`, () =>
    Effect.gen(function*() {
      mkdirSync(folder, { recursive: true })
      const path = `${folder}console-${name}.png`
      const browser = yield* Effect.acquireRelease(Effect.promise(launch), (browser) =>
        Effect.promise(() => browser.close()))
      yield* show(browser, { ...options, apps: [storeApp, selfBuiltApp] }, async (shown) => {
        const { page } = shown
        await scenario(shown)
        if (name !== "dark") {
          await page.keyboard.press("Escape")
          if (name === "light") {
            await page.locator("#rows li", { hasText: "contact.user" }).click()
          }
          const top = name === "light" ? "#apps-title" : "#filter-kind"
          await page.locator(top).evaluate((element) =>
            element.scrollIntoView()
          )
        }
        // Until the state with the last changes is shown.
        await page.locator("#faults li", { hasText: "99991400" }).waitFor()
        await page.screenshot({ path })
      })
      assert.isBelow(statSync(path).size, 150_000)
    }))
}
