/** `ticket` and `token`, with tickets that are kept in files, and with those that come while somebody waits. */
import { TicketStore } from "@effect-feishu/core"
import { Emulator, Fault } from "@effect-feishu/emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Clock, Context, DateTime, Effect, Layer, Redacted, Stream } from "effect"
import { documentIn, run, runInTerminal, secrets, start, visible } from "./feishuTicket.js"
import { runHere } from "./runHere.js"
import { site, storeIn, webhook } from "./servers.js"

const appSecret = Redacted.make(secrets.FEISHU_APP_SECRET)
const encryptKey = Redacted.make(secrets.FEISHU_ENCRYPT_KEY)
const verificationToken = Redacted.make(secrets.FEISHU_VERIFICATION_TOKEN)
const proofs = { encryptKey, verificationToken }

/** One app for each group of tests: what one does to its app another does not see. */
const apps = ["cli_kept", "cli_waiting", "cli_served"]

class World extends Context.Tag("World")<World, {
  readonly emulator: Emulator.Service
  readonly env: Record<string, string>
  /** Where the service of `cli_waiting` keeps its tickets. */
  readonly folder: string
}>() {}

const Live = Layer.provideMerge(
  Layer.scoped(
    World,
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const emulator = yield* Emulator.Emulator
      const folder = yield* fs.makeTempDirectoryScoped()
      const service = yield* site({
        kept: yield* webhook({ appId: "cli_kept", appSecret, ...proofs }, `${folder}/kept`),
        waiting: yield* webhook({ appId: "cli_waiting", appSecret, ...proofs }, folder)
      })
      yield* emulator.updateApp("cli_kept", (app) => ({ ...app, requestUrl: `${service}/kept` }))
      yield* emulator.updateApp("cli_waiting", (app) => ({ ...app, requestUrl: `${service}/waiting` }))
      return { emulator, env: { ...secrets, FEISHU_BASE_URL: emulator.baseUrl }, folder }
    })
  ),
  Layer.merge(
    NodeContext.layer,
    Emulator.layerServer({
      apps: [
        ...apps.map((appId) => ({ appId, appSecret, encryptKey, verificationToken })),
        { appId: "cli_own", appSecret, kind: "self-built" as const }
      ],
      pushDelay: "50 millis"
    })
  )
)

const value = "a-ticket-of-the-app-0123456789"

const newFolder = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

const put = (folder: string, appId: string, ticket: TicketStore.Ticket) =>
  Effect.flatMap(TicketStore.TicketStore, ({ put }) => put(appId, ticket)).pipe(Effect.provide(storeIn(folder)))

/** A folder with a ticket that was sent so many minutes ago. */
const withTicket = (minutes: number, ticket = value) =>
  Effect.gen(function*() {
    const folder = yield* newFolder
    const now = yield* Clock.currentTimeMillis
    const sentAt = DateTime.unsafeMake(now - minutes * 60_000)
    yield* put(folder, "cli_kept", { value: Redacted.make(ticket), sentAt })
    return { folder, sentAt }
  })

/** A ticket of the emulator's, as the service of `cli_kept` has it. */
const realTicket = Effect.gen(function*() {
  const { emulator, folder } = yield* World
  const store = yield* Layer.build(storeIn(`${folder}/kept`))
  const { changes, get } = Context.get(store, TicketStore.TicketStore)
  const before = yield* get("cli_kept")
  yield* emulator.pushTicket("cli_kept")
  return yield* changes("cli_kept").pipe(
    Stream.filter(({ sentAt }) => before._tag === "None" || DateTime.greaterThan(sentAt, before.value.sentAt)),
    Stream.runHead,
    Effect.flatten
  )
})

const iso = (time: DateTime.Utc) => DateTime.formatIso(time).replace(/\.\d+Z/, "Z")

const assertNoSecrets = (text: string, ...more: ReadonlyArray<string>) => {
  for (const secret of [...Object.values(secrets), ...more]) assert.notInclude(text, secret)
}

const here = (args: ReadonlyArray<string>, appId: string, more: Record<string, string> = {}) =>
  Effect.gen(function*() {
    const { env } = yield* World
    const result = yield* runHere(args, { env: { ...env, FEISHU_APP_ID: appId, ...more } })
    assertNoSecrets(result.stdout + result.stderr)
    return result
  })

/** `seconds` is this much, but for what has passed meanwhile. */
const assertSeconds = (seconds: unknown, expected: number) => assert.approximately(Number(seconds), expected, 20)

layer(Live, { excludeTestServices: true, timeout: "40 seconds" })("ticket and token", (it) => {
  describe("a ticket that is kept", () => {
    it.effect("is shown with its age, its end and its place, and whole only where that is asked for", () =>
      Effect.gen(function*() {
        const { folder, sentAt } = yield* withTicket(65)
        const args = ["ticket", "--store", `file:${folder}`]
        const masked = yield* here(args, "cli_kept")
        const lines = [
          "ticket   a-ti… (--reveal shows all of it)",
          "app      cli_kept",
          `sent     ${iso(sentAt)}, 1h 5m ago`,
          `expires  ${iso(DateTime.add(sentAt, { hours: 3 }))}, in 1h 54m`,
          `source   files in ${folder}`,
          ""
        ]
        assert.strictEqual(masked.code, 0)
        assert.strictEqual(masked.stderr, "")
        // The minute may not have passed yet.
        assert.deepStrictEqual(masked.stdout.replace("in 1h 55m", "in 1h 54m").split("\n"), lines)
        const revealed = yield* here([...args, "--reveal"], "cli_kept")
        assert.strictEqual(revealed.stdout.split("\n")[0], `ticket   ${value}`)

        const { ageSeconds, expiresInSeconds, ...document } = documentIn(
          (yield* here([...args, "--json"], "cli_kept")).stdout
        )
        assert.deepStrictEqual(document, {
          ok: true,
          appId: "cli_kept",
          ticket: "a-ti…",
          revealed: false,
          sentAt: iso(sentAt),
          expiresAt: iso(DateTime.add(sentAt, { hours: 3 })),
          source: `files in ${folder}`
        })
        assertSeconds(ageSeconds, 65 * 60)
        assertSeconds(expiresInSeconds, 115 * 60)
        const whole = documentIn((yield* here([...args, "--json", "--reveal"], "cli_kept")).stdout)
        assert.deepInclude(whole, { ticket: value, revealed: true })
      }).pipe(Effect.scoped))

    it.effect("may be from the future, where clocks differ, and nothing in it steers the terminal", () =>
      Effect.gen(function*() {
        const { env } = yield* World
        const { folder } = yield* withTicket(-5, `${value}\x1b]0;owned\x07\x1b[2J`)
        const { code, stdout } = yield* runInTerminal(["ticket", "--store", `file:${folder}`, "--reveal"], {
          env: { ...env, FEISHU_APP_ID: "cli_kept" }
        })
        assert.strictEqual(code, 0)
        const shown = visible(stdout)
        assert.match(shown, new RegExp(`^␛\\[1mticket␛\\[0m {3}${value}[^␛␦]*\r\n`))
        assert.match(shown, /sent␛\[0m {5}\S+, (5m|4m \d+s) from now\r\n/)
        assertNoSecrets(stdout)
      }).pipe(Effect.scoped))

    it.effect("may be missing, too old, or unreadable: with 6 it says what to do", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const empty = yield* newFolder
        const { folder: old } = yield* withTicket(181)
        const { folder: garbled } = yield* withTicket(1)
        const files = yield* fs.readDirectory(garbled)
        assert.strictEqual(files.length, 1)
        yield* fs.writeFile(`${garbled}/${files[0]}`, Uint8Array.from([0, 255, 10, 123]))
        const cases = [
          [empty, /^There is no ticket of cli_kept in files in /, ""],
          [old, /^The newest ticket of cli_kept in files in .* was sent at .*Z and expired (59|1m)[^.]* ago\. /, ""],
          [garbled, /^There is no ticket of cli_kept in files in /, "is unreadable: it will be overwritten"]
        ] as const
        for (const command of ["ticket", "token"]) {
          for (const [folder, says, logs] of cases) {
            const args = [command, "--store", `file:${folder}`]
            const { code, stderr, stdout } = yield* here([...args, "--json"], "cli_kept")
            assert.strictEqual(code, 6)
            assert.include(stderr, logs)
            const { error, ok } = documentIn(stdout) as { readonly ok: boolean; readonly error: Record<string, string> }
            assert.isFalse(ok)
            assert.strictEqual(error["_tag"], "NoTicket")
            assert.match(String(error["message"]), says)
            assert.include(error["message"], "Ask for one with --wait 150s")
          }
        }
        for (const command of ["ticket", "token", "doctor"]) {
          const { code, stderr, stdout } = yield* here([command, "--store", "memory"], "cli_kept")
          assert.strictEqual(code, 2)
          assert.include(stderr + stdout, "--store memory is for serve alone")
        }
      }).pipe(Effect.scoped))

    it.effect("is not there where no store can be, nor for an app that has none", () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const file = yield* fs.makeTempFileScoped()
        const noStore = yield* here(["ticket", "--store", `file:${file}`], "cli_kept")
        assert.strictEqual(noStore.code, 2)
        assert.include(noStore.stderr, `--store file:${file} must be a folder that can be written to`)
        const own = yield* here(["ticket"], "cli_own", { FEISHU_APP_KIND: "self-built" })
        assert.strictEqual(own.code, 2)
        assert.include(own.stderr, "a self-built app gets no ticket and needs none: try feishu-ticket token")
      }).pipe(Effect.scoped))
  })

  describe("a token", () => {
    it.effect("is the app's or a tenant's, and whole only where that is asked for", () =>
      Effect.gen(function*() {
        const { emulator } = yield* World
        const folder = yield* newFolder
        yield* put(folder, "cli_kept", yield* realTicket)
        const args = ["token", "--store", `file:${folder}`]
        const app = yield* here(args, "cli_kept")
        assert.strictEqual(app.code, 0)
        assert.match(
          app.stdout,
          /^token {4}a-\w\w… \(--reveal shows all of it\)\napp {6}cli_kept\ntenant {3}none: it is the app's own\n/
        )
        assert.match(app.stdout, /\nexpires {2}\S+Z, in (2h|1h 59m)\n/)
        assert.include(app.stdout, `\nsource   the platform, ${emulator.baseUrl}\n`)

        const now = yield* Clock.currentTimeMillis
        const tenant = yield* here([...args, "--tenant", "tenant_1", "--json"], "cli_kept")
        const { expiresAt, expiresInSeconds, token, ...document } = documentIn(tenant.stdout)
        assert.deepStrictEqual(document, {
          ok: true,
          appId: "cli_kept",
          tenantKey: "tenant_1",
          revealed: false,
          source: `the platform, ${emulator.baseUrl}`
        })
        assert.match(String(token), /^t-\w\w…$/)
        assertSeconds(expiresInSeconds, 7200)
        assertSeconds((Date.parse(String(expiresAt)) - now) / 1000, 7200)
        const revealed = yield* here([...args, "--tenant", "tenant_1", "--json", "--reveal"], "cli_kept")
        const whole = documentIn(revealed.stdout)
        assert.isTrue(whole["revealed"])
        assert.match(String(whole["token"]), /^t-[0-9a-f]{40}$/)
        // The platform knows it.
        const answer = yield* Effect.promise(() =>
          fetch(`${emulator.baseUrl}/open-apis/tenant/v2/tenant/query`, {
            headers: { authorization: `Bearer ${String(whole["token"])}` }
          }).then((response) => response.json())
        )
        assert.deepInclude(answer, { code: 0 })
      }).pipe(Effect.scoped))

    it.effect("of a self-built app needs no ticket", () =>
      Effect.gen(function*() {
        const self = { FEISHU_APP_KIND: "self-built" }
        const app = documentIn((yield* here(["token", "--json"], "cli_own", self)).stdout)
        assert.deepInclude(app, { ok: true, appId: "cli_own", tenantKey: null })
        const tenant = documentIn((yield* here(["token", "--json", "--tenant", "tenant_1"], "cli_own", self)).stdout)
        assert.deepInclude(tenant, { ok: true, tenantKey: "tenant_1" })
      }))

    it.effect("is refused: to a tenant that has not installed the app, and to a wrong secret", () =>
      Effect.gen(function*() {
        const folder = yield* newFolder
        yield* put(folder, "cli_kept", yield* realTicket)
        const args = ["token", "--store", `file:${folder}`, "--json"]
        const tenant = yield* here([...args, "--tenant", "tenant_2"], "cli_kept")
        assert.strictEqual(tenant.code, 4)
        assert.deepInclude(documentIn(tenant.stdout)["error"], {
          _tag: "FeishuApiError",
          code: 11210,
          kind: "AppState"
        })
        const secret = yield* here(args, "cli_kept", { FEISHU_APP_SECRET: "another" })
        assert.strictEqual(secret.code, 4)
        assert.deepInclude(documentIn(secret.stdout)["error"], {
          _tag: "FeishuApiError",
          code: 10014,
          kind: "Credentials"
        })
      }).pipe(Effect.scoped))

    it.effect("is not to be had with a ticket that the platform does not accept, which is dropped", () =>
      Effect.gen(function*() {
        const { folder } = yield* withTicket(1)
        const args = ["token", "--store", `file:${folder}`]
        const { code, stderr, stdout } = yield* here(args, "cli_kept")
        assert.strictEqual(code, 6)
        assert.strictEqual(stdout, "")
        assert.include(stderr, `The platform does not accept the ticket of cli_kept in files in ${folder} (code 10012)`)
        assert.include(stderr, "Ask for one with --wait 150s")
        assert.notInclude(stderr, value)
        assert.include((yield* here(args, "cli_kept")).stderr, "There is no ticket of cli_kept")
      }).pipe(Effect.scoped))
  })

  describe("with --wait", () => {
    it.effect("the platform is asked for a ticket, and what comes is shown, or used", () =>
      Effect.gen(function*() {
        const { emulator, folder } = yield* World
        const args = ["--store", `file:${folder}`, "--wait", "20s", "--json"]
        const ticket = yield* here(["ticket", ...args], "cli_waiting")
        assert.strictEqual(ticket.code, 0)
        const { ageSeconds, expiresInSeconds } = documentIn(ticket.stdout)
        assertSeconds(ageSeconds, 0)
        assertSeconds(expiresInSeconds, 3 * 3600)

        // Nobody asks where there is one.
        const calls = Effect.map(emulator.journal, (entries) =>
          entries.filter((entry) =>
            entry._tag === "Call" && entry.appId === "cli_waiting"
          ).map((entry) => entry._tag === "Call" ? `${entry.path.split("/").at(-1)} ${entry.code}` : ""))
        assert.deepStrictEqual(yield* calls, ["resend 0"])
        assert.strictEqual((yield* here(["token", ...args], "cli_waiting")).code, 0)
        assert.deepStrictEqual(yield* calls, ["resend 0", "app_access_token 0"])
      }))

    it.effect("another follows in place of a ticket that the platform does not accept", () =>
      Effect.gen(function*() {
        const { emulator, env } = yield* World
        const folder = yield* newFolder
        const ticket = yield* realTicket
        yield* put(folder, "cli_kept", ticket)
        yield* emulator.invalidateTickets("cli_kept")
        // A service of its own, for its own store.
        const service = yield* site({ own: yield* webhook({ appId: "cli_kept", appSecret, ...proofs }, folder) })
        yield* emulator.updateApp("cli_kept", (app) => ({ ...app, requestUrl: `${service}/own` }))
        const { code, stdout } = yield* runHere(["token", "--store", `file:${folder}`, "--wait", "20s", "--json"], {
          env: { ...env, FEISHU_APP_ID: "cli_kept" }
        })
        assert.strictEqual(code, 0, stdout)
        assert.deepInclude(documentIn(stdout), { ok: true, appId: "cli_kept" })
      }).pipe(Effect.scoped))

    it.effect("it says why none has come", () =>
      Effect.gen(function*() {
        const { emulator, env } = yield* World
        const folder = yield* newFolder
        const wait = (...args: ReadonlyArray<string>) => ["ticket", "--json", "--store", `file:${folder}`, ...args]
        const late = yield* here(wait("--wait", "300ms"), "cli_served")
        assert.strictEqual(late.code, 6)
        assert.deepInclude(documentIn(late.stdout)["error"], { _tag: "NoTicket" })
        assert.include(late.stdout, `No ticket of cli_served came into files in ${folder} within 300ms.`)

        const other = yield* newFolder
        const refused = yield* here(["token", "--json", "--store", `file:${other}`, "--wait", "20s"], "cli_served", {
          FEISHU_APP_SECRET: "another"
        })
        assert.strictEqual(refused.code, 4)
        assert.deepInclude(documentIn(refused.stdout)["error"], { _tag: "FeishuApiError", code: 10014 })

        yield* emulator.setFaults([Fault.next(1, Fault.Refuse({ code: 10016, msg: "not a store app", status: 200 }))])
        const third = yield* newFolder
        const kind = yield* run(["ticket", "--store", `file:${third}`, "--wait", "20s"], {
          env: { ...env, FEISHU_APP_ID: "cli_served" }
        })
        assert.strictEqual(kind.code, 4)
        assert.strictEqual(kind.stderr.split("Only a published store app gets an app ticket").length, 2, "once")
      }).pipe(Effect.scoped))
  })

  it.effect("the ticket that serve has taken is there for both, without being told where", () =>
    Effect.gen(function*() {
      const { emulator, env } = yield* World
      const state = yield* newFolder
      const variables = { ...env, FEISHU_APP_ID: "cli_served", XDG_STATE_HOME: state }
      const before = yield* run(["ticket"], { env: variables })
      assert.strictEqual(before.code, 6)
      assert.include(before.stderr, `There is no ticket of cli_served in files in ${state}/feishu-ticket.`)
      const { printed } = yield* start(["serve", "--port", "0", "--host", "127.0.0.1"], { env: variables })
      const [, url = ""] = yield* printed(/(http:\S+\/webhook\/event)/)
      yield* emulator.setRequestUrl("cli_served", url)
      // It has been asked lately, and is not asked again.
      yield* emulator.pushTicket("cli_served")
      const [ticket, token] = yield* Effect.all([
        run(["ticket", "--wait", "20s", "--reveal"], { env: variables }),
        run(["token", "--wait", "20s", "--tenant", "tenant_1", "--json"], { env: variables })
      ], { concurrency: 2 })
      assert.strictEqual(ticket.code, 0)
      assert.match(ticket.stdout, /^ticket {3}[0-9a-f]{32}\n/)
      assert.include(ticket.stdout, `source   files in ${state}/feishu-ticket\n`)
      assert.strictEqual(token.code, 0)
      assert.deepInclude(documentIn(token.stdout), { ok: true, tenantKey: "tenant_1", revealed: false })
      for (const { stderr, stdout } of [before, ticket, token]) assertNoSecrets(stdout + stderr)
      const [, revealed = ""] = /^ticket {3}(\w+)/.exec(ticket.stdout) ?? []
      assertNoSecrets(token.stdout + token.stderr, revealed)
    }).pipe(Effect.scoped))
})
