/** `feishu-ticket emulator push` and the other commands that steer an emulator, each against one that runs. */
import { Emulator } from "@effect-feishu/emulator"
import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Http from "node:http"
import { documentIn, run, start } from "./feishuTicket.js"
import { runHere } from "./runHere.js"
import * as Servers from "./servers.js"
import { app, documentsIn } from "./serving.js"

const appId = "cli_steered"

/** What the request URL answers: the challenge, or what the test says. */
interface Answer {
  readonly status: number
  readonly body: string
}

/** A request URL without a key, and what has come there. */
const service = Effect.gen(function*() {
  const received: Array<Record<string, unknown>> = []
  const state: { answer: Answer } = { answer: { status: 200, body: "{}" } }
  const url = yield* Servers.site({
    events: (request, response) => {
      let text = ""
      request.on("data", (chunk: Buffer) => void (text += chunk.toString()))
      request.on("end", () => {
        const json = JSON.parse(text) as Record<string, unknown>
        if (json["challenge"] === undefined) received.push(json)
        const { body, status } = json["challenge"] === undefined
          ? state.answer
          : { status: 200, body: JSON.stringify({ challenge: json["challenge"] }) }
        response.writeHead(status, { "content-type": "application/json" }).end(body)
      })
    }
  })
  return { received, url: `${url}/events`, answerWith: (answer: Answer) => void (state.answer = answer) }
})

const live = Layer.merge(
  NodeContext.layer,
  Emulator.layerServer({ apps: [{ ...app(appId), encryptKey: undefined, tenants: ["tenant_a", "tenant_b"] }] })
)

/** Runs a command against the emulator of the test, from the words that are typed to the words that are printed. */
const steer = (...args: ReadonlyArray<string>) =>
  Effect.flatMap(Emulator.Emulator, ({ baseUrl }) => runHere(["emulator", ...args, "--url", baseUrl]))

const steerJson = (...args: ReadonlyArray<string>) =>
  Effect.map(steer(...args, "--json"), ({ code, stderr, stdout }) => {
    assert.strictEqual(stderr, "")
    return { code, json: documentIn(stdout) }
  })

/** Runs what fails, and returns its sentence. */
const refusal = (...args: ReadonlyArray<string>) =>
  Effect.map(steer(...args), ({ code, stderr, stdout }) => {
    assert.strictEqual(stdout, "")
    return [code, stderr.replace(/\x1b\[\d+m/g, "").replace(/^✗ /, "").trimEnd()] as const
  })

/** Writes a file for an option. */
const file = (text: string) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* fs.makeTempFileScoped()
    yield* fs.writeFileString(path, text)
    return path
  })

layer(NodeContext.layer, { excludeTestServices: true, timeout: "20 seconds" })("feishu-ticket emulator", (it) => {
  describe("push", () => {
    it.scoped("prints what came of the delivery, and ends with 0 only if the app acknowledged", () =>
      Effect.gen(function*() {
        const { answerWith, received, url } = yield* service
        assert.deepStrictEqual(yield* Effect.map(steer("push", "app_ticket"), ({ code }) => code), 1)
        assert.match(
          (yield* refusal("push", "app_ticket"))[1],
          /the app has no request URL: feishu-ticket emulator app/
        )
        assert.strictEqual((yield* steer("app", "request-url", url)).code, 0)

        const ticket = yield* steerJson("push", "app_ticket")
        assert.strictEqual(ticket.code, 0)
        assert.deepInclude(ticket.json, { ok: true, appId, type: "app_ticket", outcome: "acknowledged", status: 200 })
        assert.deepInclude(received.at(-1)?.["event"], { type: "app_ticket" })

        const message = yield* steer("push", "im.message.receive_v1", "--tenant", "tenant_b")
        assert.match(
          message.stdout,
          /^push of im\.message\.receive_v1 \w+ to cli_steered: acknowledged with HTTP 200\n$/
        )
        assert.deepInclude(received.at(-1)?.["header"], { event_type: "im.message.receive_v1", tenant_key: "tenant_b" })

        const own = yield* file(JSON.stringify({ name: "own" }))
        assert.strictEqual((yield* steer("push", "contact.own_v1", "--payload", own, "--schema", "1.0")).code, 0)
        assert.deepInclude(received.at(-1)?.["event"], { name: "own", type: "contact.own_v1" })

        answerWith({ status: 500, body: "\x1b[2Jbroken" })
        const refused = yield* steerJson("push", "im.message.receive_v1")
        assert.strictEqual(refused.code, 1)
        assert.deepInclude(refused.json["error"], { _tag: "NotTaken", outcome: "refused", status: 500 })
        const [code, sentence] = yield* refusal("push", "im.message.receive_v1")
        assert.strictEqual(code, 1)
        assert.include(sentence, "refused with HTTP 500, ")
        assert.notInclude(sentence, "\x1b")
      }).pipe(Effect.provide(live)))

    it.scoped("says what to do about a type, a payload or an app that is wrong", () =>
      Effect.gen(function*() {
        const list = yield* file("[1]")
        const text = yield* file("{")
        const cases: ReadonlyArray<readonly [args: ReadonlyArray<string>, sentence: RegExp]> = [
          [
            ["contact.unknown_v1"],
            /has no template for this type: give the event object with --payload FILE, or choose im/
          ],
          [["card.action.trigger"], /^card\.action\.trigger is a callback: feishu-ticket emulator callback card/],
          [["x", "--payload", list], /must hold a JSON object, the event object of x$/],
          [["x", "--payload", text], /holds no JSON: /],
          [["x", "--payload", "/nowhere/file"], /^--payload \/nowhere\/file cannot be read: there is no such file$/],
          [["app_ticket", "--tenant", "t"], /^app_ticket takes no --payload, --schema or --tenant/],
          [["app_ticket", "--app", "cli_other"], /^the emulator has no app cli_other: it knows cli_steered$/],
          [[], /^missing required argument 'event'$/],
          [["x", "y"], /^too many arguments for 'push'/]
        ]
        for (const [args, sentence] of cases) {
          const [code, said] = yield* refusal("push", ...args)
          assert.strictEqual(code, 2, said)
          assert.match(said, sentence)
        }
      }).pipe(Effect.provide(live)))

    it.scoped("needs --app or FEISHU_APP_ID if the emulator knows several apps", () =>
      Effect.gen(function*() {
        const emulator = yield* Emulator.Emulator
        yield* emulator.setApp(app("cli_second"))
        assert.match(
          (yield* refusal("push", "app_ticket"))[1],
          /^choose an app of the emulator with --app: it knows cli_s/
        )
        const named = yield* steerJson("push", "app_ticket", "--app", "cli_second")
        assert.deepInclude(named.json["error"], { appId: "cli_second", outcome: "no request URL" })
        const env = { FEISHU_APP_ID: "cli_second", FEISHU_BASE_URL: emulator.baseUrl }
        const variable = yield* runHere(["emulator", "push", "app_ticket", "--json"], { env })
        assert.deepInclude(documentIn(variable.stdout)["error"], { appId: "cli_second" })
      }).pipe(Effect.provide(live)))
  })

  it.scoped("callback prints the answer that the user sees, and ends with 1 if the user sees an error", () =>
    Effect.gen(function*() {
      const { answerWith, received, url } = yield* service
      const emulator = yield* Emulator.Emulator
      yield* emulator.setRequestUrl(appId, url)
      answerWith({ status: 200, body: JSON.stringify({ toast: { type: "info", content: "hello" } }) })
      const payload = yield* file(JSON.stringify({ action: { tag: "button", value: { choice: 1 } } }))
      const { code, json } = yield* steerJson("callback", "card.action.trigger", "--payload", payload)
      assert.strictEqual(code, 0)
      assert.deepInclude(json, { ok: true, answer: { toast: { type: "info", content: "hello" } } })
      assert.deepInclude(received.at(-1)?.["event"], { action: { tag: "button", value: { choice: 1 } } })
      assert.include((yield* steer("callback", "card.action.trigger")).stdout, "\"content\": \"hello\"")
      answerWith({ status: 200, body: "no JSON" })
      const wrong = yield* steerJson("callback", "card.action.trigger")
      assert.strictEqual(wrong.code, 1)
      assert.deepInclude(wrong.json["error"], { _tag: "NotTaken", type: "card.action.trigger" })
      assert.strictEqual((yield* refusal("callback", "im.message.receive_v1"))[0], 2)
    }).pipe(Effect.provide(live)))

  it.scoped("fault sets each kind with its fields, adds to the faults before, and --clear removes them", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const body = yield* file("<h1>gone</h1>")
      const kinds: ReadonlyArray<readonly [args: string, fault: object]> = [
        ["drop", { _tag: "Drop" }],
        ["cut --next 2", { _tag: "Cut" }],
        ["cut-json --every 3", { _tag: "CutJson" }],
        ["content-type --content-type text/html", { _tag: "ContentType", contentType: "text/html" }],
        ["delay --duration 2s", { _tag: "Delay" }],
        [
          "refuse --code 99991400 --status 429 --reset-seconds 3 --msg slow",
          { _tag: "Refuse", code: 99991400, status: 429, resetSeconds: 3, msg: "slow" }
        ],
        [
          `answer --status 502 --header content-type:text/html --body ${body}`,
          { _tag: "Answer", status: 502, headers: { "content-type": "text/html" }, body: "<h1>gone</h1>" }
        ],
        ["lost --only app_ticket --only x", { _tag: "Lost" }],
        ["late --by 30s", { _tag: "Late" }],
        ["held", { _tag: "Held" }],
        ["doubled --after 1s", { _tag: "Doubled" }],
        ["replayed --after 1s", { _tag: "Replayed" }],
        ["forged --probability 0.5 --seed s", { _tag: "Forged" }],
        ["tampered", { _tag: "Tampered" }]
      ]
      for (const [args] of kinds) {
        const { code, stderr } = yield* steer("fault", ...args.split(" "))
        assert.strictEqual(code, 0, stderr)
      }
      const rules = [...yield* emulator.faults, ...yield* emulator.pushFaults]
      assert.strictEqual(rules.length, kinds.length)
      kinds.forEach(([args, fault], i) => assert.deepInclude({ ...rules[i]?.fault }, fault, args))
      assert.deepStrictEqual(rules.map(({ when }) => when._tag).slice(0, 3), ["Next", "Next", "Every"])
      assert.deepStrictEqual(rules[7]?.only, ["app_ticket", "x"])
      const { stdout } = yield* steer("state")
      assert.match(stdout, /Refuse, next 1/)

      const replaced = yield* steerJson("fault", "drop", "--clear")
      assert.deepStrictEqual(replaced.json["faults"], { calls: [{ fault: { _tag: "Drop" }, next: 1 }], pushes: [] })
      assert.strictEqual((yield* steer("fault", "--clear")).code, 0)
      assert.deepStrictEqual([...yield* emulator.faults, ...yield* emulator.pushFaults], [])
    }).pipe(Effect.provide(live)))

  it.scoped("fault says which option is wrong, and changes nothing then", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const cases: ReadonlyArray<readonly [args: string, sentence: RegExp]> = [
        ["", /^give a KIND: drop, cut, /],
        ["explode", /It must be one of drop, cut, /],
        ["refuse", /^refuse needs --code$/],
        ["lost --status 500", /^lost takes no --status$/],
        ["drop --next 1 --every 2", /^--next, --every and --probability exclude each other/],
        ["drop --seed s", /^--seed belongs to --probability$/],
        ["drop --probability 2", /^--probability: Expected a number less than or equal to 1, actual 2$/],
        ["refuse --code 1 --status 99", /^--status: .*99/],
        ["answer --status 200 --header nonsense", /^--header is a name and a value/],
        ["late --by soon", /'--by <duration>' .*It must be a number with its unit/],
        ["drop --only no/path", /no\/path/],
        ["--clear --code 3", /^give a KIND/]
      ]
      for (const [args, sentence] of cases) {
        const [code, said] = yield* refusal("fault", ...args.split(" ").filter((word) => word !== ""))
        assert.strictEqual(code, 2, args)
        assert.match(said, sentence)
      }
      assert.deepStrictEqual([...yield* emulator.faults, ...yield* emulator.pushFaults], [])
    }).pipe(Effect.provide(live)))

  it.scoped("answer sets what a path answers, clock runs forward, and reset begins again", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const body = yield* file(JSON.stringify({ code: 0, data: { message_id: "om_1" } }))
      const set = yield* steer("answer", "/open-apis/im/v1/messages", body, "--method", "POST", "--status", "201")
      assert.strictEqual(set.stdout, "set the answer to POST /open-apis/im/v1/messages\n")
      const { userAccessToken } = yield* Effect.map(
        emulator.userToken(appId),
        ({ value }) => ({ userAccessToken: value })
      )
      assert.isDefined(userAccessToken)
      assert.deepInclude((yield* emulator.answers)[0], { method: "POST", status: 201 })
      for (
        const [args, sentence] of [
          [["/open-apis/x", body, "--status", "99"], /^--status: /],
          [["open-apis/x", body], /open-apis\/x/],
          [["/open-apis/auth/v3/tenant_access_token", body], /answered by the emulator itself/],
          [["/open-apis/x"], /^missing required argument 'file'$/]
        ] as const
      ) {
        const [code, said] = yield* refusal("answer", ...args)
        assert.strictEqual(code, 2)
        assert.match(said, sentence)
      }

      yield* emulator.pushTicket(appId)
      const { json } = yield* steerJson("clock", "2h")
      assert.deepInclude(json, { ok: true, advancedMs: 7_200_000 })
      assert.strictEqual(yield* emulator.advanced, 7_200_000)
      assert.strictEqual((yield* emulator.tickets(appId)).length, 1)
      assert.match((yield* steer("clock", "90m")).stdout, /^the platform's clock is at .*, 3h 30m ahead\n$/)
      assert.strictEqual((yield* emulator.tickets(appId)).length, 0)
      assert.match((yield* refusal("clock", "soon"))[1], /'soon' is invalid .*It must be a number with its unit/)
      assert.match((yield* refusal("clock", "-5s"))[1], /^unknown option '-5s'$/)

      assert.strictEqual((yield* steer("reset")).code, 0)
      assert.deepStrictEqual(yield* emulator.answers, [])
      assert.deepStrictEqual(yield* emulator.tickets(appId), [])
      const state = yield* steerJson("state")
      assert.deepInclude(state.json, { ok: true, baseUrl: emulator.baseUrl, answers: [], lastEntry: 0 })
    }).pipe(Effect.provide(live)))

  it.scoped("app changes an app: enabled, tenants, request URL, tickets and tokens", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      const first = () => Effect.map(emulator.apps, ([app]) => app)
      assert.strictEqual((yield* steer("app", "disable")).stdout, "cli_steered is disabled\n")
      assert.strictEqual((yield* first())?.enabled, false)
      const [code, said] = yield* refusal("push", "app_ticket")
      assert.deepStrictEqual([code, said], [4, "cli_steered gets no ticket: only a store app that is enabled does"])
      yield* steer("app", "enable")
      assert.strictEqual((yield* first())?.enabled, true)
      yield* steer("app", "tenants", "one", "two")
      assert.deepStrictEqual((yield* first())?.tenants, ["one", "two"])

      yield* emulator.pushTicket(appId)
      const token = yield* steerJson("app", "user-token", "--tenant", "two", "--life", "10m", "--reveal")
      assert.match(String(token.json["token"]), /^u-\w{40}$/)
      assert.match((yield* steer("app", "user-token")).stdout, /^user access token {2}u-\w\w…, valid until /)
      assert.deepInclude((yield* emulator.tokens(appId))[0], { kind: "user", tenantKey: "two" })
      yield* steer("app", "invalidate", "tokens")
      assert.deepStrictEqual(yield* emulator.tokens(appId), [])
      assert.strictEqual((yield* emulator.tickets(appId)).length, 1)
      yield* steer("app", "invalidate", "tickets")
      assert.deepStrictEqual(yield* emulator.tickets(appId), [])

      const closed = yield* Effect.scoped(Servers.site({}))
      const unreachable = yield* refusal("app", "request-url", closed)
      assert.strictEqual(unreachable[0], 4)
      assert.match(unreachable[1], /^The request URL of cli_steered cannot be saved: it cannot be reached$/)
      assert.match((yield* refusal("app"))[1], /^unknown option '--url'$/)
      assert.match(
        (yield* run(["emulator", "app", "explode"])).stderr,
        /unknown command 'explode': app has disable, enable,/
      )
    }).pipe(Effect.provide(live)))

  it.scoped("journal shows the entries, one of them as a whole, and with --follow goes on", () =>
    Effect.gen(function*() {
      const emulator = yield* Emulator.Emulator
      yield* emulator.setApp(app("cli_second"))
      yield* emulator.pushAndWait(appId, { type: "one", payload: { text: "hello" } })
      yield* emulator.pushAndWait("cli_second", { type: "two", payload: {} })
      const all = documentsIn((yield* steer("journal", "--json")).stdout)
      assert.deepStrictEqual(all.map(({ eventType, type }) => [type, eventType]), [["push", "one"], ["push", "two"]])
      const newest = yield* steer("journal", "--limit", "1")
      assert.match(newest.stdout, new RegExp(`^ *${String(all[1]?.["id"])}  `))
      assert.match(newest.stdout, /^ *\d+ {2}\d\d:\d\d:\d\d\.\d{3} {2}push of two \w+ to cli_second, .*\n$/)
      assert.include((yield* steer("journal", "--app", appId)).stdout, "push of one ")
      const id = String(all[0]?.["id"])
      const whole = yield* steer("journal", "--entry", id)
      assert.match(whole.stdout, /\n\nSent\n {2}content-type: .*\n/)
      assert.include(whole.stdout, "hello")
      assert.match((yield* refusal("journal", "--entry", "999"))[1], /^the journal has no such entry/)
      assert.match((yield* refusal("journal", "--limit", "0"))[1], /^--limit is a number from 1/)

      const follow = yield* start(["emulator", "journal", "--follow", "--app", appId, "--url", emulator.baseUrl])
      yield* follow.printed(/push of one /)
      yield* emulator.push("cli_second", { type: "four", payload: {} })
      yield* emulator.push(appId, { type: "three", payload: {} })
      yield* follow.printed(/push of three /)
      assert.notInclude(yield* follow.stdout, "cli_second")
      yield* follow.signal("SIGINT")
      assert.strictEqual((yield* follow.ended).code, 130)

      assert.strictEqual((yield* steer("journal", "--clear")).stdout, "removed all entries of the journal\n")
      assert.strictEqual((yield* steer("journal")).stdout, "")
    }).pipe(Effect.provide(live)))

  it.scoped("journal --follow ends with a sentence when the emulator ends", () =>
    Effect.gen(function*() {
      const emulator = yield* start(["emulator", "--port", "0"])
      const [, url = ""] = yield* emulator.printed(/FEISHU_BASE_URL=(\S+)/)
      const follow = yield* start(["emulator", "journal", "--follow", "--url", url])
      yield* run(["emulator", "push", "app_ticket", "--url", url])
      yield* follow.printed(/push of app_ticket/)
      yield* emulator.signal("SIGINT")
      const { code, stderr } = yield* follow.ended
      assert.strictEqual(code, 3)
      assert.match(stderr, /✗ the connection to the emulator at http:\S+ has ended\n/)
    }))

  it.scoped("says what to do if no emulator answers, or the URL is something else", () =>
    Effect.gen(function*() {
      const closed = yield* Effect.scoped(Servers.site({}))
      const other = yield* Servers.site({
        html: (_, response) => void response.end("<h1>hello</h1>"),
        _emulator: (_, response) => void response.writeHead(200).end("<h1>hello</h1>")
      })
      const notThere = yield* Servers.site({})
      const cases: ReadonlyArray<readonly [url: string, code: number, sentence: RegExp]> = [
        [
          closed,
          3,
          /^✗ no emulator answers at http:\S+: start one with feishu-ticket emulator, or name another with --url$/
        ],
        [other, 3, /^✗ what answers at http:\S+ is no emulator of this version/],
        [notThere, 3, /^✗ what answers at http:\S+ is no emulator of this version/],
        [
          "https://open.feishu.cn",
          2,
          /^✗ --url is the real platform, open\.feishu\.cn, and this command steers only an/
        ],
        ["https://open.larksuite.com/", 2, /^✗ --url is the real platform, open\.larksuite\.com/],
        ["open.feishu.cn", 2, /^✗ --url must be an http or https URL$/]
      ]
      for (const [url, code, sentence] of cases) {
        for (const args of [["state"], ["push", "app_ticket"], ["reset"]]) {
          const result = yield* runHere(["emulator", ...args, "--url", url])
          assert.strictEqual(result.code, code, url)
          assert.match(result.stderr.replace(/\x1b\[\d+m/g, "").trimEnd(), sentence)
        }
      }
      const variable = yield* runHere(["emulator", "reset"], { env: { FEISHU_BASE_URL: "https://open.feishu.cn" } })
      assert.include(variable.stderr, "FEISHU_BASE_URL is the real platform")
    }))

  it.scoped("says why an emulator refuses a host name that it does not know", () =>
    Effect.gen(function*() {
      const { baseUrl } = yield* Emulator.Emulator
      // A proxy that passes on the name by which it was called.
      const proxy = yield* Servers.site({
        _emulator: (request, response) => {
          Http.get(baseUrl + request.url, { headers: { host: "stranger.example" } }, (answer) => {
            response.writeHead(answer.statusCode ?? 0)
            answer.pipe(response)
          })
        }
      })
      const { code, stderr } = yield* runHere(["emulator", "state", "--url", proxy])
      assert.strictEqual(code, 3)
      assert.include(stderr, `${proxy} refuses: The console does not answer to the host name stranger.example`)
    }).pipe(Effect.provide(live)))

  it.scoped("steers as a process of its own, and takes a payload and an answer from standard input", () =>
    Effect.gen(function*() {
      const { received, url } = yield* service
      const { answers, baseUrl, setRequestUrl } = yield* Emulator.Emulator
      yield* setRequestUrl(appId, url)
      const env = { FEISHU_BASE_URL: baseUrl }
      const pushed = yield* run(["emulator", "push", "im.piped_v1", "--payload", "-", "--json"], {
        env,
        stdin: JSON.stringify({ from: "a pipe" })
      })
      assert.strictEqual(pushed.code, 0, pushed.stderr)
      assert.deepInclude(documentIn(pushed.stdout), { outcome: "acknowledged" })
      assert.deepStrictEqual(received.at(-1)?.["event"], { from: "a pipe" })
      const answered = yield* run(["emulator", "answer", "/open-apis/x", "-"], { env, stdin: "{\"code\":7}" })
      assert.strictEqual(answered.code, 0, answered.stderr)
      assert.deepInclude((yield* answers)[0], { path: "/open-apis/x", body: { code: 7 } })
    }).pipe(Effect.provide(live)))

  it.effect("--help of each command has its arguments, its options and an example, and emulator lists its commands", () =>
    Effect.gen(function*() {
      const { stdout } = yield* run(["emulator", "--help"])
      for (const name of ["push", "callback", "fault", "answer", "clock", "journal", "state", "reset", "app"]) {
        assert.match(stdout, new RegExp(`^ {2}${name} .*[A-Z]`, "m"))
      }
      const commands = [
        ["push", " <event>"],
        ["callback", " <type>"],
        ["fault", " [kind]"],
        ["answer", " <path> <file>"],
        ["clock", " <duration>"],
        ["journal", ""],
        ["state", ""],
        ["reset", ""],
        ["app disable", ""],
        ["app enable", ""],
        ["app tenants", " <key...>"],
        ["app request-url", " <url>"],
        ["app invalidate", " <what>"],
        ["app user-token", ""]
      ] as const
      for (const [name, args] of commands) {
        const { code, stdout } = yield* run(["emulator", ...name.split(" "), "--help"])
        assert.strictEqual(code, 0)
        assert.include(stdout, `Usage: feishu-ticket emulator ${name} [options]${args}\n`)
        assert.match(stdout, /^ {2}--url <url> +Where the emulator is\./m)
        for (const line of stdout.split("\n")) assert.isTrue(line.length <= 100 || /^ {2}\$ /.test(line), line)
        for (const [line, , description = ""] of stdout.matchAll(/^ {2}(--[\w-]+).*?(?: {2,}|\n +)(.*)$/gm)) {
          assert.match(description, /^[A-Z0-9]/, line)
        }
      }
    }))
})
