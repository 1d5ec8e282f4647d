/** `doctor`, against the emulator, and against what else may answer in its place. */
import { EventHandler, FeishuEvents, TicketStore } from "@effect-feishu/core"
import { Emulator, EventCrypto } from "@effect-feishu/emulator"
import { Command, FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Context, DateTime, Duration, Effect, Layer, Option, Record, Redacted, Schema, Stream } from "effect"
import * as Http from "node:http"
import * as Https from "node:https"
import { text } from "node:stream/consumers"
import { documentIn, run, secrets, startInTerminal, visible } from "./feishuTicket.js"
import { runHere } from "./runHere.js"
import { listen, type Listener, site, storeIn, webhook } from "./servers.js"

const links = [
  "configuration",
  "proxy",
  "DNS",
  "TLS",
  "clock",
  "credentials",
  "app type",
  "request URL",
  "encryption key",
  "callback",
  "ticket",
  "app token",
  "tenant token"
]

const answer = (status: number, headers: Record<string, string>, body: string): Listener => (_, response) =>
  response.writeHead(status, headers).end(body)

const json = { "content-type": "application/json" }

const never: Listener = () => {}

const success = answer(200, json, "{\"code\":0,\"msg\":\"success\"}")

/** As the header `Date` has it. */
const dateIn = (span: Partial<DateTime.DateTime.PartsForMath>) =>
  DateTime.toDateUtc(DateTime.add(DateTime.unsafeNow(), span)).toUTCString()

/** Escape sequences that clear the screen and set the window's title, and a line that looks like one of ours. */
const rude = "\x1b[2J\x1b]0;owned\x07\u009b31mno\n✓ tenant token   it is valid for 2h"

/** In place of the platform. */
const strangers: Record<string, Listener> = {
  ahead: (request, response) => {
    response.setHeader("date", dateIn({ minutes: 10 }))
    success(request, response)
  },
  behind: (request, response) => {
    response.setHeader("date", dateIn({ seconds: -30 }))
    success(request, response)
  },
  page: (request, response) => {
    response.sendDate = false
    answer(200, { "content-type": "text/html" }, "<h1>welcome</h1>")(request, response)
  },
  gateway: answer(502, { "content-type": "text/html" }, "<h1>bad gateway</h1>"),
  limited: answer(429, { ...json, "x-ogw-ratelimit-reset": "60" }, "{\"code\":99991400,\"msg\":\"too many\"}"),
  half: (_, response) => {
    response.writeHead(200, { ...json, "content-length": "100" })
    response.write("{\"code\":0,", () => response.destroy())
  },
  rude: answer(200, json, JSON.stringify({ code: 10015, msg: rude })),
  hang: never
}

/** Answers a challenge as the service does, refuses what has a wrong signature, and answers the rest otherwise. */
const toCallbacks = (right: Listener, answer: Listener): Listener => (request, response) => {
  const { "x-lark-request-nonce": nonce, "x-lark-request-timestamp": timestamp, "x-lark-signature": signature } =
    request.headers
  // A challenge is not signed.
  if (signature === undefined) return right(request, response)
  return text(request).then((body) => {
    const encryptKey = secrets.FEISHU_ENCRYPT_KEY
    const isGenuine = signature
      === EventCrypto.sign({ timestamp: String(timestamp), nonce: String(nonce), encryptKey, body })
    return isGenuine ? answer(request, response) : response.writeHead(401).end()
  })
}

/** Parses the body before the service gets the request, as `express.json()` does. */
const parsed = (right: Listener): Listener => (request, response) =>
  text(request).then((body) => right(Object.assign(request, { body: JSON.parse(body) }), response))

/** In place of the service. */
const services = (right: Listener): Record<string, Listener> => ({
  ...Record.map<string, Listener, Listener>({
    failing: answer(500, {}, rude),
    unknown: answer(404, {}, ""),
    empty: answer(204, {}, ""),
    refusing: answer(401, {}, ""),
    moved: answer(307, { location: "/right" }, ""),
    silent: never,
    broken: (request) => request.socket.destroy(),
    plain: answer(200, { "content-type": "text/plain" }, "{}"),
    words: answer(200, json, "\"no card.action.trigger event handle\""),
    acknowledging: answer(200, {}, ""),
    misshapen: answer(200, json, "{\"toast\":{\"type\":\"fine\"}}")
  }, (answer) => toCallbacks(right, answer)),
  trusting: (request, response) =>
    request.headers["x-lark-signature"] === undefined
      ? right(request, response)
      : answer(200, json, "{}")(request, response),
  parsed: parsed(right),
  // The signature is checked here, so the body has been read before.
  readBefore: toCallbacks(right, right),
  slow: (request, response) => Effect.runFork(Effect.delay(Effect.sync(() => right(request, response)), "1100 millis")),
  page: answer(200, { "content-type": "text/html" }, "<h1>welcome</h1>"),
  elsewhere: answer(307, { location: "/right" }, ""),
  error: answer(500, {}, rude),
  hang: never,
  endless: (_, response) => {
    const write = () => {
      while (!response.destroyed && response.write(" ".repeat(65_536)));
    }
    response.writeHead(200, json).on("drain", write)
    write()
  }
})

/** Answers with the value of the button. Fails for a button without a value. */
const onClick = EventHandler.callback(
  FeishuEvents.CardAction,
  ({ payload: { action: { value } }, tenantKey }) =>
    typeof value !== "string" ? Effect.fail("no value") : Effect.succeed({
      toast: FeishuEvents.toast("info", `${value} by ${Option.getOrElse(tenantKey, () => "nobody")}`)
    })
)

/** By path of the service: ends in the library's own failure. */
const failing: Readonly<Record<string, EventHandler.EventHandler>> = {
  late: EventHandler.callback(FeishuEvents.CardAction, () => Effect.never),
  wrongAnswer: EventHandler.callback(
    FeishuEvents.CardAction,
    () => Effect.succeed({ toast: { content: 1 as unknown as string } })
  ),
  wrongPayload: EventHandler.callback(
    "card.action.trigger",
    Schema.Struct({ missing: Schema.String }),
    () => Effect.void
  )
}

class World extends Context.Tag("World")<World, {
  /** The app whose service is at `/right`. */
  readonly env: Record<string, string>
  readonly emulator: Emulator.Service
  /** Where that service keeps its tickets. */
  readonly store: string
  /** A folder that nobody keeps anything in. */
  readonly noStore: string
  readonly service: string
  readonly platform: string
}>() {}

const appSecret = Redacted.make(secrets.FEISHU_APP_SECRET)
const encryptKey = Redacted.make(secrets.FEISHU_ENCRYPT_KEY)
const verificationToken = Redacted.make(secrets.FEISHU_VERIFICATION_TOKEN)
const proofs = { encryptKey, verificationToken }

const Live = Layer.provideMerge(
  Layer.scoped(
    World,
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const emulator = yield* Emulator.Emulator
      const folder = yield* fs.makeTempDirectoryScoped()
      const ofService = (folderName: string, proofs: object, handlers = [onClick]) =>
        webhook({ appId: "cli_store", appSecret, ...proofs }, `${folder}/${folderName}`, handlers)
      const right = yield* ofService("store", proofs)
      const service = yield* site({
        ...services(right),
        right,
        noHandler: yield* ofService("none", proofs, []),
        ...yield* Effect.all(Record.map(failing, (handler, name) => ofService(name, proofs, [handler]))),
        anotherKey: yield* ofService("other", { encryptKey: Redacted.make("another"), verificationToken }),
        noKey: yield* ofService("plain", { verificationToken })
      })
      yield* emulator.updateApp("cli_store", (app) => ({ ...app, requestUrl: `${service}/right` }))
      return {
        env: { ...secrets, FEISHU_APP_ID: "cli_store", FEISHU_BASE_URL: emulator.baseUrl },
        emulator,
        store: `file:${folder}/store`,
        noStore: `file:${folder}/nothing`,
        service,
        platform: yield* site(strangers)
      }
    })
  ),
  Layer.merge(
    NodeContext.layer,
    Emulator.layerServer({
      apps: [
        { appId: "cli_store", appSecret, ...proofs },
        { appId: "cli_own", appSecret, ...proofs, kind: "self-built" }
      ],
      pushDelay: "50 millis"
    })
  )
)

const assertNoSecrets = (text: string) => {
  for (const secret of Object.values(secrets)) assert.notInclude(text, secret)
}

interface Check {
  readonly link: string
  readonly status: "ok" | "broken" | "skipped" | "unproven"
  readonly detail: string
  readonly advice?: string
}

/** The document of a run: its links, in order, by name. */
const checksIn = (
  { code, stderr, stdout }: { readonly code: number; readonly stdout: string; readonly stderr: string }
) => {
  assertNoSecrets(stdout + stderr)
  assert.strictEqual(stderr, "")
  const { checks, ok } = documentIn(stdout) as { readonly ok: boolean; readonly checks: ReadonlyArray<Check> }
  assert.deepStrictEqual(checks.map(({ link }) => link), links)
  const unproven = checks.filter(({ status }) => status === "unproven").map(({ link }) => link)
  assert.strictEqual(ok, checks.every(({ status }) => status !== "broken") && unproven.length === 0)
  assert.strictEqual(ok, code === 0)
  assert.strictEqual(code === 7, unproven.length > 0 && checks.every(({ status }) => status !== "broken"))
  const of = (link: string) => checks.find((check) => check.link === link) ?? assert.fail(link)
  return {
    code,
    of,
    unproven,
    /** `link: status` of the links that were checked. */
    seen: checks.filter(({ status }) => status === "ok" || status === "broken").map(({ link, status }) =>
      `${link}: ${status}`
    ),
    broken: checks.filter(({ status }) => status === "broken").map(({ link }) => link)
  }
}

/** The newest ticket in a folder, or the first that comes. */
const ticketIn = (store: string) =>
  Effect.flatMap(TicketStore.TicketStore, ({ changes }) => Stream.runHead(changes("cli_store"))).pipe(
    Effect.flatten,
    Effect.provide(storeIn(store.slice("file:".length)))
  )

const doctorHere = (args: ReadonlyArray<string>, env: Record<string, string>) =>
  Effect.map(runHere(["doctor", "--json", ...args], { env }), checksIn)

const toThePlatform = ["configuration: ok", "clock: ok", "credentials: ok", "app type: ok"]

layer(Live, { excludeTestServices: true, timeout: "40 seconds" })("doctor", (it) => {
  it.effect("says of each link that it holds", () =>
    Effect.gen(function*() {
      const { env, service, store } = yield* World
      const { code, stderr, stdout } = yield* run(
        ["doctor", "--request-url", `${service}/right`, "--tenant", "tenant_1", "--store", store],
        { env: { ...env, FEISHU_BASE_URL: env["FEISHU_BASE_URL"]?.replace("127.0.0.1", "localhost") ?? "" } }
      )
      assert.strictEqual(stderr, "")
      assertNoSecrets(stdout)
      const url = env["FEISHU_BASE_URL"]?.replace("127.0.0.1", "localhost")
      assert.deepStrictEqual(
        stdout
          .replace(/after \d+ ms/, "after 5 ms")
          .replace(/after \d+s of/, "after 1s of")
          .replace(/localhost is .+/, "…")
          .replaceAll("valid for 1h 59m", "valid for 2h")
          .split("\n"),
        [
          `✓ configuration  store app cli_store of ${url}, with an encrypt key and a verification token`,
          "- proxy          skipped: the environment names none for the platform",
          "✓ DNS            …",
          "- TLS            skipped: the platform's URL is http, and something listens there",
          "✓ clock          this machine's clock and the platform's agree",
          "✓ credentials    the platform knows this app id with this secret",
          "✓ app type       it is a store app",
          "✓ request URL    it answered its challenge after 5 ms",
          "✓ encryption key the service opens what is encrypted with FEISHU_ENCRYPT_KEY",
          "- callback       skipped: no --callback was given",
          "✓ ticket         the one that was asked for has come, after 1s of waiting",
          "✓ app token      it is valid for 2h",
          "✓ tenant token   it is valid for 2h",
          "",
          "10 hold, 0 broken, 3 skipped",
          ""
        ]
      )
      assert.strictEqual(code, 0)
    }))

  it.effect("needs no more than the app's id and secret, and says what it skips", () =>
    Effect.gen(function*() {
      const { env: { FEISHU_BASE_URL = "" } } = yield* World
      const { FEISHU_APP_SECRET } = secrets
      const { code, of, seen } = yield* doctorHere([], {
        FEISHU_APP_ID: "cli_store",
        FEISHU_APP_SECRET,
        FEISHU_BASE_URL
      })
      assert.strictEqual(code, 7)
      assert.deepStrictEqual(seen, toThePlatform)
      assert.include(of("configuration").detail, "with nothing to prove events by")
      const skipped = {
        "DNS": "127.0.0.1 is an address",
        "request URL": "no --request-url was given",
        "encryption key": "no --request-url was given",
        "callback": "no --callback was given",
        "app token": "it needs a ticket",
        "tenant token": "no --tenant was given"
      }
      for (const [link, reason] of Object.entries(skipped)) assert.strictEqual(of(link).detail, reason)
      assert.include(of("ticket").detail, "only the process that receives the ticket can see it")
    }))

  it.effect("waits for a ticket where one of this app has come before, and not where another app's has", () =>
    Effect.gen(function*() {
      const { env } = yield* World
      const fs = yield* FileSystem.FileSystem
      const state = yield* fs.makeTempDirectoryScoped()
      const keep = (name: string) => fs.writeFileString(`${state}/feishu-ticket/${name}`, "{}")
      yield* fs.makeDirectory(`${state}/feishu-ticket`)
      yield* Effect.forEach(["feishu%2Fticket%2Fcli_store2", "100%"], keep)
      const statusOf = () =>
        Effect.map(
          doctorHere(["--wait", "100ms"], { ...env, XDG_STATE_HOME: state }),
          ({ of }) => of("ticket").status
        )
      assert.strictEqual(yield* statusOf(), "unproven")
      yield* keep("feishu%2Fclaims%2Fcli_store%2F12")
      assert.strictEqual(yield* statusOf(), "broken")
    }).pipe(Effect.scoped))

  it.effect("checks a self-built app, which needs no ticket, to its tenant's token", () =>
    Effect.gen(function*() {
      const { env, service } = yield* World
      const { code, of, seen } = yield* doctorHere(["--request-url", `${service}/right`], {
        ...env,
        FEISHU_APP_ID: "cli_own",
        FEISHU_APP_KIND: "self-built"
      })
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(seen, [
        ...toThePlatform,
        "request URL: ok",
        "encryption key: ok",
        "app token: ok",
        "tenant token: ok"
      ])
      assert.strictEqual(of("app type").detail, "it is a self-built app")
      assert.strictEqual(of("ticket").detail, "a self-built app gets none and needs none")
    }))

  it.effect("begins with the configuration", () =>
    Effect.gen(function*() {
      const { env } = yield* World
      const { FEISHU_APP_SECRET, ...noSecret } = env
      const url = ["--request-url", "http://127.0.0.1:9"]
      const cases: ReadonlyArray<[ReadonlyArray<string>, Record<string, string>, string]> = [
        [[], noSecret, "FEISHU_APP_SECRET is not set"],
        [[], { ...env, FEISHU_BASE_URL: "open.feishu.cn" }, "FEISHU_BASE_URL"],
        [[], { ...env, FEISHU_APP_KIND: "shop" }, "FEISHU_APP_KIND: must be store or self-built"],
        [["--request-url", "localhost:3000"], env, "--request-url must be an http or https URL"],
        [["--request-url", "http://local host"], env, "--request-url must be an http or https URL"],
        [["--store", "disk"], env, "--store must be"],
        [["--callback", "card.action.trigger"], env, "--callback needs --request-url"],
        [["--payload", "click.json"], env, "--payload belongs to --callback"],
        [[...url, "--callback", "a.type"], env, "--callback a.type needs --payload"],
        [
          [...url, "--callback", "a.type", "--payload", "/nothing"],
          env,
          "/nothing cannot be read: there is no such file"
        ],
        [[...url, "--callback", "a.type", "--payload", "/dev/null"], env, "/dev/null must hold a JSON object"]
      ]
      assert.isString(FEISHU_APP_SECRET)
      for (const [args, env, reason] of cases) {
        const { code, of, seen } = yield* doctorHere(args, env)
        assert.strictEqual(code, 2)
        assert.deepStrictEqual(seen, ["configuration: broken"])
        assert.include(of("configuration").detail, reason)
        assert.strictEqual(of("tenant token").detail, "it needs the configuration")
      }
    }))

  describe("on the way to the platform", () => {
    it.effect("tells of a name that is not found, and goes on with what does not need it", () =>
      Effect.gen(function*() {
        const { env, service } = yield* World
        const { code, of, seen } = yield* doctorHere(["--request-url", `${service}/right`], {
          ...env,
          FEISHU_BASE_URL: "https://nowhere.invalid"
        })
        assert.strictEqual(code, 3)
        assert.deepStrictEqual(seen, ["configuration: ok", "DNS: broken", "request URL: ok", "encryption key: ok"])
        assert.match(of("DNS").detail, /^nowhere\.invalid is not found \(\w+\)$/)
        assert.include(of("DNS").advice, "FEISHU_BASE_URL")
        assert.strictEqual(of("credentials").detail, "the platform is not reached")
      }))

    it.effect("tells of a certificate that this machine does not trust, and trusts it where it is told to", () =>
      Effect.gen(function*() {
        const { env, store } = yield* World
        const fs = yield* FileSystem.FileSystem
        const folder = yield* fs.makeTempDirectoryScoped()
        const [key, certificate] = [`${folder}/key.pem`, `${folder}/certificate.pem`]
        const made = yield* Command.exitCode(Command.make(
          "openssl",
          ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" "),
          ..."-subj /CN=localhost -addext subjectAltName=DNS:localhost".split(" "),
          "-keyout",
          key,
          "-out",
          certificate
        ))
        assert.strictEqual(made, 0)
        const tls = { key: yield* fs.readFileString(key), cert: yield* fs.readFileString(certificate) }
        const port = yield* listen(Https.createServer(tls, (request, response) => {
          const { headers, method, url } = request
          const onwards = Http.request(env["FEISHU_BASE_URL"] + (url ?? ""), { method, headers }, (answer) => {
            response.writeHead(answer.statusCode ?? 500, answer.headers)
            answer.pipe(response)
          })
          request.pipe(onwards)
        }))
        const args = ["doctor", "--json", "--store", store, "--base-url", `https://localhost:${port}`]
        const [refused, trusted] = yield* Effect.all([
          run(args, { env }),
          run(args, { env: { ...env, NODE_EXTRA_CA_CERTS: certificate } })
        ], { concurrency: 2 })

        const untrusting = checksIn(refused)
        assert.strictEqual(untrusting.code, 3)
        assert.deepStrictEqual(untrusting.seen, ["configuration: ok", "DNS: ok", "TLS: broken"])
        assert.match(untrusting.of("TLS").detail, /^no TLS with localhost:\d+: .*self-signed certificate/)
        assert.include(untrusting.of("TLS").advice, "NODE_EXTRA_CA_CERTS")
        assert.strictEqual(untrusting.of("clock").detail, "the platform is not reached")

        const trusting = checksIn(trusted)
        assert.strictEqual(trusting.code, 0)
        assert.match(trusting.of("TLS").detail, /certificate that this machine trusts, valid until \w+ +\d+ /)
        assert.deepStrictEqual(trusting.seen, [
          "configuration: ok",
          "DNS: ok",
          "TLS: ok",
          ...toThePlatform.slice(1),
          "ticket: ok",
          "app token: ok"
        ])
      }).pipe(Effect.scoped))

    it.effect("tells where nothing listens, and not that the credentials are wrong", () =>
      Effect.gen(function*() {
        const { env, service } = yield* World
        const port = yield* Effect.scoped(listen(Http.createServer()))
        const { broken, code, of, seen } = yield* doctorHere(["--request-url", `${service}/right`], {
          ...env,
          FEISHU_BASE_URL: `http://127.0.0.1:${port}`
        })
        assert.strictEqual(code, 3)
        assert.deepStrictEqual(broken, ["TLS"])
        assert.include(seen, "request URL: ok")
        assert.include(of("TLS").detail, `no connection to 127.0.0.1:${port}: connect ECONNREFUSED`)
        assert.strictEqual(of("credentials").detail, "the platform is not reached")
      }))

    it.effect("compares the clocks", () =>
      Effect.gen(function*() {
        const { env, platform } = yield* World
        const against = (what: string) => doctorHere([], { ...env, FEISHU_BASE_URL: `${platform}/${what}` })
        const ahead = yield* against("ahead")
        assert.strictEqual(ahead.code, 2)
        assert.deepStrictEqual(ahead.seen, [
          "configuration: ok",
          "clock: broken",
          "credentials: ok",
          "app type: ok"
        ])
        assert.match(ahead.of("clock").detail, /^this machine's clock is (10m|9m 5\ds) behind the platform's$/)
        assert.include(ahead.of("clock").advice, "NTP")
        const behind = yield* against("behind")
        assert.strictEqual(behind.code, 7)
        assert.match(behind.of("clock").detail, /^this machine's clock is (29|3\d)s ahead of the platform's$/)
      }))

    it.effect("tells what answers in the platform's place, and to what", () =>
      Effect.gen(function*() {
        const { env, platform, service } = yield* World
        const cases: ReadonlyArray<[what: string, code: number, seen: string, advice: string]> = [
          ["page", 3, "the answer is not the platform's: text/html, 16 characters, HTTP 200", "check the base URL"],
          ["gateway", 5, "the answer is not the platform's: text/html, 20 characters, HTTP 502", "try again later"],
          ["half", 3, "the answer broke off: ", "Check the network"]
        ]
        const resend = (what: string) => `POST /${what}/open-apis/auth/v3/app_ticket/resend`
        yield* Effect.forEach(cases, ([what, code, seen, advice]) =>
          Effect.gen(function*() {
            const checks = yield* doctorHere(["--request-url", `${service}/right`], {
              ...env,
              FEISHU_BASE_URL: `${platform}/${what}`
            })
            assert.strictEqual(checks.code, code)
            assert.deepStrictEqual(checks.broken, ["credentials"])
            const { advice: said, detail } = checks.of("credentials")
            assert.include(detail, `whether they are right is not known: ${resend(what)}: ${seen}`)
            assert.include(said, advice)
            assert.strictEqual(checks.of("app type").detail, "it needs the credentials")
            assert.strictEqual(checks.of("request URL").status, "ok")
            const timeless = what === "page" ? "the platform does not say what time it is" : "agree"
            assert.include(checks.of("clock").detail, timeless)
          }), { concurrency: "unbounded" })
        const { code, of } = yield* doctorHere([], { ...env, FEISHU_BASE_URL: `${platform}/limited` })
        assert.strictEqual(code, 5)
        assert.strictEqual(
          of("credentials").detail,
          `whether they are right is not known: ${resend("limited")} was refused with code 99991400, too many`
        )
      }))

    it.effect("waits for no answer for longer than 10 s, and reads none without end", () =>
      Effect.gen(function*() {
        const { env, platform, service } = yield* World
        const own = { ...env, FEISHU_APP_ID: "cli_own", FEISHU_APP_KIND: "self-built" }
        const [[elapsed, silentPlatform], silentService, endless] = yield* Effect.all([
          Effect.timed(
            run(["doctor", "--json"], { env: { ...own, FEISHU_BASE_URL: `${platform}/hang` } })
          ),
          doctorHere(["--request-url", `${service}/hang`], own),
          run(["doctor", "--json", "--request-url", `${service}/endless`], { env: own })
        ], { concurrency: "unbounded" })

        // Not in a terminal, a wait of more than 5 s is logged.
        assert.match(silentPlatform.stderr, /^\S+Z {2}checking the credentials\n$/)
        const hang = checksIn({ ...silentPlatform, stderr: "" })
        assert.strictEqual(hang.code, 3)
        assert.deepStrictEqual(hang.broken, ["credentials"])
        assert.include(hang.of("credentials").detail, "app_access_token/internal: no complete answer within 8s")
        assert.strictEqual(hang.of("clock").detail, "the platform gave no answer to compare with")
        assert.isBelow(Duration.toSeconds(elapsed), 25)

        assert.strictEqual(silentService.code, 3)
        assert.deepStrictEqual(silentService.broken, ["request URL"])
        assert.strictEqual(silentService.of("request URL").detail, "it gave no answer within 5 s")
        assert.strictEqual(silentService.of("tenant token").status, "ok")

        const drowned = checksIn(endless)
        assert.strictEqual(drowned.code, 3)
        assert.strictEqual(drowned.of("request URL").detail, "it answered with HTTP 200, but not with its challenge")
      }))
  })

  describe("about the app", () => {
    it.effect("tells of a wrong secret", () =>
      Effect.gen(function*() {
        const { env } = yield* World
        const { code, of, seen } = yield* doctorHere([], { ...env, FEISHU_APP_SECRET: "another" })
        assert.strictEqual(code, 4)
        assert.deepStrictEqual(seen, ["configuration: ok", "clock: ok", "credentials: broken"])
        const { advice, detail } = of("credentials")
        assert.match(
          detail,
          /^POST \/open-apis\/auth\/v3\/app_ticket\/resend was refused with code 10014, app secret invalid, log id \w+$/
        )
        assert.include(advice, "app id and the app secret belong together")
        assert.strictEqual(of("app token").detail, "it needs the credentials")
      }))

    it.effect("tells of an app of the other kind, and how to say so", () =>
      Effect.gen(function*() {
        const { env } = yield* World
        const asStore = yield* doctorHere([], { ...env, FEISHU_APP_ID: "cli_own" })
        const asOwn = yield* doctorHere([], { ...env, FEISHU_APP_KIND: "self-built" })
        for (
          const [{ broken, code, of }, advice] of [[asStore, "FEISHU_APP_KIND=self-built"], [
            asOwn,
            "leave FEISHU_APP_KIND out"
          ]] as const
        ) {
          assert.strictEqual(code, 4)
          assert.deepStrictEqual(broken, ["app type"])
          assert.strictEqual(of("credentials").status, "ok")
          assert.include(of("app type").advice, advice)
          assert.strictEqual(of("app token").detail, "it needs the app type")
        }
      }))

    it.effect("tells of a tenant that has not installed it", () =>
      Effect.gen(function*() {
        const { env, store } = yield* World
        const { broken, code, of } = yield* doctorHere(["--store", store, "--tenant", "tenant_2"], env)
        assert.strictEqual(code, 4)
        assert.deepStrictEqual(broken, ["tenant token"])
        assert.match(of("tenant token").detail, /^POST .*\/tenant_access_token was refused with code 11210, /)
        assert.include(of("tenant token").advice, "the tenant has installed it")
      }))
  })

  describe("about the request URL", () => {
    it.effect("tells what answers in the service's place, and goes on to the tokens", () =>
      Effect.gen(function*() {
        const { env, service } = yield* World
        const own = { ...env, FEISHU_APP_ID: "cli_own", FEISHU_APP_KIND: "self-built" }
        const port = yield* Effect.scoped(listen(Http.createServer()))
        const httpPort = yield* listen(Http.createServer())
        const rudePort = yield* listen(Http.createServer((request) => request.socket.destroy()))
        const cases: ReadonlyArray<[url: string, detail: RegExp, advice: string]> = [
          [`http://127.0.0.1:${port}/`, /^it cannot be reached: connect ECONNREFUSED /, "Check that the service runs"],
          [`https://127.0.0.1:${httpPort}/`, /^what listens there does not speak TLS/, "it may begin with http://"],
          [
            `http://127.0.0.1:${rudePort}/`,
            /^it is reached, and breaks the connection off/,
            "may have failed over what"
          ],
          [
            "http://nowhere.invalid/",
            /^it cannot be reached: getaddrinfo \w+ nowhere\.invalid/,
            "its address leads to it"
          ],
          [`${service}/nothing`, /^it answered with HTTP 404$/, "Check the path"],
          [`${service}/page`, /^it answered with HTTP 200, but not with its challenge$/, "not a proxy or a page"],
          [`${service}/elsewhere`, /^it answered with HTTP 307$/, "not to be redirected"],
          [`${service}/error`, /^it answered with HTTP 500$/, "encrypt key and verification token"],
          [
            `${service}/parsed`,
            /^it answered with HTTP 500$/,
            "log has the reason. A body parser, for example express.json()"
          ]
        ]
        for (const [url, detail, advice] of cases) {
          const { broken, code, of, seen } = yield* doctorHere(["--request-url", url], own)
          assert.strictEqual(code, 3)
          assert.deepStrictEqual(broken, ["request URL"])
          assert.match(of("request URL").detail, detail)
          assert.include(of("request URL").advice, advice)
          assert.strictEqual(of("encryption key").detail, "it needs the request URL")
          assert.deepStrictEqual(seen.slice(-2), ["app token: ok", "tenant token: ok"])
        }
      }).pipe(Effect.scoped))

    it.effect("waits for no ticket, which could not arrive", () =>
      Effect.gen(function*() {
        const { env } = yield* World
        const port = yield* Effect.scoped(listen(Http.createServer()))
        const { broken, of } = yield* doctorHere(["--request-url", `http://127.0.0.1:${port}/`], env)
        assert.deepStrictEqual(broken, ["request URL"])
        assert.deepInclude(of("ticket"), { status: "skipped", detail: "it needs the request URL" })
      }).pipe(Effect.scoped))

    it.effect("tells of an answer that is right and too late", () =>
      Effect.gen(function*() {
        const { env, service } = yield* World
        const { broken, code, of } = yield* doctorHere(["--request-url", `${service}/slow`], env)
        assert.strictEqual(code, 3)
        assert.deepStrictEqual(broken, ["request URL"])
        assert.match(of("request URL").detail, /^it answered its challenge after \d{4,} ms$/)
        assert.include(of("request URL").advice, "The platform waits 1 s")
        assert.strictEqual(of("encryption key").status, "ok")
      }))

    it.effect("tells of keys that are not the same here and there", () =>
      Effect.gen(function*() {
        const { env, service } = yield* World
        const { FEISHU_ENCRYPT_KEY, ...keyless } = env
        assert.isString(FEISHU_ENCRYPT_KEY)
        for (const path of ["anotherKey", "noKey"]) {
          const { broken, code, of } = yield* doctorHere(["--request-url", `${service}/${path}`], env)
          assert.strictEqual(code, 2)
          assert.deepStrictEqual(broken, ["encryption key"])
          assert.strictEqual(of("request URL").detail, "it is reached, and refused its challenge with HTTP 401")
          assert.include(of("encryption key").advice, "Give this command and the service the encrypt key")
        }
        const onlyThere = yield* doctorHere(["--request-url", `${service}/right`], keyless)
        assert.strictEqual(onlyThere.code, 2)
        assert.deepStrictEqual(onlyThere.broken, ["request URL"])
        assert.include(onlyThere.of("request URL").advice, "an encrypt key, which this command does not have")
        const nowhere = yield* doctorHere(["--request-url", `${service}/noKey`], keyless)
        assert.strictEqual(nowhere.code, 7)
        assert.strictEqual(nowhere.of("request URL").status, "ok")
        assert.strictEqual(nowhere.of("encryption key").detail, "FEISHU_ENCRYPT_KEY is not set")
      }))
  })

  describe("about a callback", () => {
    const payloadFile = (payload: unknown) =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const file = yield* fs.makeTempFileScoped()
        yield* fs.writeFileString(file, JSON.stringify(payload))
        return ["--payload", file]
      })

    const press = (path: string, args: ReadonlyArray<string> = [], more: Record<string, string> = {}) =>
      Effect.gen(function*() {
        const { env, service } = yield* World
        const options = ["--request-url", `${service}/${path}`, "--callback", "card.action.trigger", ...args]
        return yield* doctorHere(options, { ...env, ...more })
      })

    const genuine = "it refused a forged card.action.trigger, and answered a genuine one after 5 ms"

    const answered = ({ of }: Effect.Effect.Success<ReturnType<typeof press>>) =>
      of("callback").detail.replace(/after \d+ ms/, "after 5 ms")

    it.effect("shows the answer to a payload of one's own, and sends the fields that the payload leaves out", () =>
      Effect.gen(function*() {
        const whole = { operator: { open_id: "ou_1" }, token: "c-1", action: { tag: "button", value: "yes" } }
        const checks = yield* press("right", [...yield* payloadFile(whole), "--tenant", "tenant_1"])
        assert.strictEqual(checks.code, 7)
        assert.strictEqual(
          answered(checks),
          `${genuine} with {"toast":{"type":"info","content":"yes by tenant_1"}}`
        )
        assert.isUndefined(checks.of("callback").advice)
        const part = yield* press("right", yield* payloadFile({ action: { value: "yes" } }))
        assert.strictEqual(part.code, 7)
        assert.strictEqual(answered(part), `${genuine} with {"toast":{"type":"info","content":"yes by nobody"}}`)
      }).pipe(Effect.scoped))

    it.effect("tells that the user sees the library's own failure, however the handler failed", () =>
      Effect.forEach(["right", ...Object.keys(failing)], (path) =>
        Effect.gen(function*() {
          const checks = yield* press(path)
          assert.strictEqual(checks.code, 3, path)
          assert.deepStrictEqual(checks.broken, ["callback"])
          assert.strictEqual(
            answered(checks),
            `it answered card.action.trigger after 5 ms with the toast of a failure: ${
              JSON.stringify({ toast: FeishuEvents.failureToast })
            }`
          )
          assert.include(checks.of("callback").advice, "The handler failed or took too long: see the service's log.")
          assert.include(checks.of("callback").advice, "--payload")
        }), { concurrency: "unbounded" }))

    it.effect("says that the user sees nothing of {}, which breaks nothing", () =>
      Effect.gen(function*() {
        const nothing =
          "The user sees nothing: does the service handle this type (with this library: EventHandler.callback)?"
        const click = yield* press("noHandler")
        assert.strictEqual(click.code, 7)
        assert.strictEqual(answered(click), `${genuine} with {}`)
        assert.strictEqual(click.of("callback").advice, nothing)
        const { env, service } = yield* World
        const args = ["--request-url", `${service}/right`, "--callback", "url.preview.get"]
        const link = yield* doctorHere(args, env)
        assert.strictEqual(link.code, 7)
        assert.match(link.of("callback").detail, / genuine one after \d+ ms with \{\}$/)
        assert.strictEqual(
          link.of("callback").advice,
          `${nothing} If there is one, it may have failed: see the service's log.`
        )
        const { stdout } = yield* runHere(["doctor", ...args], { env })
        assert.match(stdout, /\n✓ callback .* with \{\}\n {17}The user sees nothing: /)
      }))

    it.effect("sends one with the verification token alone where there is no encrypt key", () =>
      Effect.gen(function*() {
        const checks = yield* press("noKey", yield* payloadFile({ action: { value: "yes" } }), {
          FEISHU_ENCRYPT_KEY: ""
        })
        assert.strictEqual(checks.code, 7)
        assert.include(answered(checks), genuine)
        const keyless = yield* press("noKey", [], { FEISHU_ENCRYPT_KEY: "", FEISHU_VERIFICATION_TOKEN: "" })
        assert.strictEqual(keyless.of("callback").status, "skipped")
        assert.include(keyless.of("callback").detail, "it needs the request URL")
      }).pipe(Effect.scoped))

    it.effect("says what the content type is where it is not JSON's, which breaks nothing", () =>
      Effect.gen(function*() {
        const checks = yield* press("plain")
        assert.strictEqual(checks.code, 7)
        assert.strictEqual(
          answered(checks),
          `${genuine} with the content type text/plain instead of application/json: {}`
        )
      }))

    it.effect("tells which answers no user sees, and what to do", () =>
      Effect.gen(function*() {
        const type = "card.action.trigger"
        const cases: ReadonlyArray<[path: string, code: number, detail: string, advice: string]> = [
          ["trusting", 3, `it answered a forged ${type}, made with other keys, with {}`, "check the signature"],
          ["failing", 3, `it answered ${type} with HTTP 500`, "The handler failed"],
          [
            "readBefore",
            3,
            `it answered ${type} with HTTP 500`,
            "A body parser, for example express.json(), must not"
          ],
          ["acknowledging", 3, `is there an EventHandler.callback for ${type}?`, "or with {}"],
          ["unknown", 3, `it answered ${type} with HTTP 404`, "has a handler for it"],
          ["empty", 3, `it answered ${type} with HTTP 204`, "HTTP 200 only"],
          ["moved", 3, `it answered ${type} with HTTP 307`, "not to be redirected"],
          ["refusing", 2, `it answered ${type} with HTTP 401`, "that it serves the app cli_store"],
          ["silent", 3, `it gave no answer to ${type} within 3 s`, "answer at once"],
          ["broken", 3, "it is reached, and breaks the connection off without an answer", "log of the service"],
          ["words", 3, `it answered ${type} with HTTP 200, and the answer is no JSON object`, "or with {}"],
          [
            "misshapen",
            3,
            "toast.type: Expected \"info\", actual \"fine\", or Expected \"success\", actual \"fine\"",
            "or with {}"
          ]
        ]
        yield* Effect.forEach(cases, ([path, code, detail, advice]) =>
          Effect.gen(function*() {
            const checks = yield* press(path)
            assert.deepStrictEqual(checks.broken, ["callback"])
            assert.strictEqual(checks.code, code)
            assert.include(checks.of("callback").detail, detail)
            assert.include(checks.of("callback").advice, advice)
          }), { concurrency: 3 })
      }))

    it.effect("sends none to a service that does not answer its challenge", () =>
      Effect.gen(function*() {
        const { broken, of } = yield* press("page")
        assert.deepStrictEqual(broken, ["request URL"])
        assert.strictEqual(of("callback").detail, "it needs the request URL")
      }))
  })

  describe("about the ticket", () => {
    it.effect("tells that none comes, and goes on with the one that there is", () =>
      Effect.gen(function*() {
        const { emulator, env, noStore, store } = yield* World
        const none = yield* doctorHere(["--store", noStore, "--wait", "1s"], env)
        assert.strictEqual(none.code, 6)
        assert.deepStrictEqual(none.broken, ["ticket"])
        assert.match(
          none.of("ticket").detail,
          /^the platform was asked for one, and none came into files in .* within 1s\. The folder does not exist, so nothing has ever kept/
        )
        assert.include(none.of("ticket").advice, "where --store says")
        assert.strictEqual(none.of("app token").detail, "it needs a ticket")

        yield* emulator.pushTicket("cli_store")
        const ticket = yield* ticketIn(store)
        yield* Effect.flatMap(TicketStore.TicketStore, ({ put }) => put("cli_store", ticket)).pipe(
          Effect.provide(storeIn(noStore.slice("file:".length)))
        )
        const args = ["--store", noStore, "--wait", "500ms", "--tenant", "tenant_1"]
        const kept = yield* doctorHere(args, env)
        assert.strictEqual(kept.code, 6)
        assert.deepStrictEqual(kept.broken, ["ticket"])
        assert.deepStrictEqual(kept.seen.slice(-2), ["app token: ok", "tenant token: ok"])

        yield* emulator.invalidateTickets("cli_store")
        const invalid = yield* doctorHere(args, env)
        assert.deepStrictEqual(invalid.broken, ["ticket", "app token"])
        assert.include(invalid.of("app token").detail, "the platform does not accept the ticket (code 10012)")
        assert.strictEqual(invalid.of("tenant token").detail, "it needs the app token")
      }))
  })

  describe("in a terminal", () => {
    it.effect("colours its signs, and lets nobody else's words steer it", () =>
      Effect.gen(function*() {
        const { env, platform } = yield* World
        const { ended } = yield* startInTerminal(["doctor"], { env: { ...env, FEISHU_BASE_URL: `${platform}/rude` } })
        const { code, stdout } = yield* ended
        assert.strictEqual(code, 4)
        assert.include(stdout, "\x1b[32m✓\x1b[0m configuration ")
        const shown = visible(stdout)
        assert.match(shown, /␛\[31m✗␛\[0m credentials    POST .* 10015, no ✓ tenant token it is valid for 2h\r\n/)
        assert.include(shown, "␛[2m-␛[0m tenant token   ␛[2mskipped: no --tenant was given␛[0m\r\n")
        const codes = new Set(shown.match(/[␛␦](\[\d*\w)?/g))
        assert.deepStrictEqual([...codes].toSorted(), ["␛[0m", "␛[2K", "␛[2m", "␛[31m", "␛[32m"])
        assertNoSecrets(stdout)
      }).pipe(Effect.scoped))

    it.effect("shows what it waits for, and ends at once by Ctrl-C", () =>
      Effect.gen(function*() {
        const { env, noStore } = yield* World
        const { ended, printed, type } = yield* startInTerminal(["doctor", "--store", noStore], { env })
        yield* printed(/waiting for the app ticket, which may take 2 minutes, 1 s so far/)
        yield* type("\x03")
        const [elapsed, { code, stdout }] = yield* Effect.timed(ended)
        assert.strictEqual(code, 130)
        assert.isBelow(Duration.toSeconds(elapsed), 5)
        // The line that moves is wiped out before each that stays.
        assert.match(visible(stdout), /\r␛\[2K␛\[32m✓␛\[0m app type/)
        assert.notInclude(stdout, "app token")
        assertNoSecrets(stdout)
      }).pipe(Effect.scoped))
  })
})
