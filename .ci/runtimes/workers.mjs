/**
 * The library on Workers (workerd), where no request may wait for what another request has started: several requests at once
 * reach an isolate that no request has reached before, and some of their clients disconnect. Each case has isolates and an
 * app of its own. From the repository's root, after `npm install --prefix .ci/runtimes`: `npx tsx .ci/runtimes/workers.mjs`.
 */
import { Emulator, EventCrypto, Fault } from "@effect-feishu/emulator"
import { Effect, Redacted, Schedule } from "effect"
import { build } from "esbuild"
import assert from "node:assert/strict"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer as createHttpServer, request as httpRequest } from "node:http"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { bundling, freePort, start } from "./process.mjs"

const here = dirname(fileURLToPath(import.meta.url))
const directory = mkdtempSync(join(tmpdir(), "workers-"))

/** Before 2024-10-14, a promise that another request settles goes on within that request. */
const dates = ["2024-09-23", "2025-01-01", "2026-11-01"]

const secrets = {
  FEISHU_APP_SECRET: "the app secret",
  FEISHU_ENCRYPT_KEY: "the encrypt key",
  FEISHU_VERIFICATION_TOKEN: "the verification token"
}

/** The platform waits for 3 s. */
const inTime = 3000

/**
 * Sends a request, and returns the status and the text of the answer. With `disconnectAfter`, in milliseconds, the client
 * disconnects, by a reset: workerd does not see that a client only ends its side of the connection.
 */
const send = (url, { body, disconnectAfter, headers = {}, method = "GET", timeout = inTime } = {}) =>
  new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false, timeout }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (data) => {
        text += data
      })
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text }))
      response.on("error", reject)
    })
    request.on("timeout", () => request.destroy(new Error(`no answer within ${timeout} ms`)))
    request.on("error", reject)
    request.end(body)
    if (disconnectAfter !== undefined) {
      setTimeout(() => {
        resolve({ status: "disconnected" })
        request.socket.resetAndDestroy()
      }, disconnectAfter)
    }
  })

const sendEvent = (
  { appId, origin },
  { id = randomUUID(), payload = {}, type = "contact.user.created_v3", ...options } = {}
) => {
  const header = {
    event_id: id,
    token: secrets.FEISHU_VERIFICATION_TOKEN,
    create_time: String(Date.now()),
    event_type: type,
    tenant_key: "tenant_1",
    app_id: appId
  }
  const encryptKey = secrets.FEISHU_ENCRYPT_KEY
  const text = JSON.stringify({ schema: "2.0", header, event: payload })
  const body = JSON.stringify({ encrypt: EventCrypto.encrypt({ encryptKey, iv: Buffer.alloc(16, 7), text }) })
  const timestamp = String(Math.floor(Date.now() / 1000))
  const nonce = "a nonce"
  return send(`${origin}/webhook/event`, {
    ...options,
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "x-lark-request-timestamp": timestamp,
      "x-lark-request-nonce": nonce,
      "x-lark-signature": EventCrypto.sign({ timestamp, nonce, encryptKey, body })
    }
  })
}

const askForTenant = ({ origin }, options) => send(`${origin}/tenants/tenant_1`, options)

/** Sends four requests at once, and returns the statuses. The first arrives first, and its client may disconnect. */
const fourAtOnce = (sendOne, isolate, { disconnectAfter, ...options } = {}) =>
  Effect.promise(async () => {
    const first = sendOne(isolate, { ...options, disconnectAfter })
    await sleep(20)
    const others = Array.from({ length: 3 }, () => sendOne(isolate, options))
    return (await Promise.all([first, ...others])).map(({ status }) => status)
  })

const allAnswered = [200, 200, 200, 200]
const othersAnswered = ["disconnected", 200, 200, 200]

const eventually = (effect) => effect.pipe(Effect.retry(Schedule.spaced("50 millis")), Effect.timeout("5 seconds"))

/** Pushes a ticket, and waits until the isolate has acknowledged the ticket. */
const pushTicket = ({ appId, emulator, origin }) =>
  Effect.gen(function*() {
    yield* emulator.setRequestUrl(appId, `${origin}/webhook/event`)
    yield* emulator.pushTicket(appId)
    yield* eventually(Effect.flatMap(emulator.journal, (entries) =>
      Effect.try(() => {
        const push = entries.find((entry) => entry._tag === "Push" && entry.appId === appId)
        assert.equal(push?.outcome, "acknowledged")
      })))
  })

const countCalls = ({ appId, emulator }, path) =>
  Effect.map(
    emulator.journal,
    (entries) => entries.filter((entry) => entry._tag === "Call" && entry.appId === appId && entry.path === path).length
  )

const tenantTokenPath = "/open-apis/auth/v3/tenant_access_token"
const resendPath = "/open-apis/auth/v3/app_ticket/resend"

/** A KV namespace. Never answers the first read of a key that is `held`. */
const kv = { entries: new Map(), held: new Set() }
const kvServer = createHttpServer((request, response) => {
  const key = decodeURIComponent(new URL(request.url, "http://kv").pathname.slice(1))
  let text = ""
  request.on("data", (data) => {
    text += data
  })
  request.on("end", () => {
    if (request.method === "GET" && kv.held.delete(key)) return
    if (request.method === "PUT") kv.entries.set(key, text)
    if (request.method === "DELETE") kv.entries.delete(key)
    const value = kv.entries.get(key)
    if (request.method === "GET" && value === undefined) response.statusCode = 404
    response.end(request.method === "GET" ? value : undefined)
  })
})

const worker = (form, millis) => ({ module: "worker.mjs", bindings: { FORM: form, BUILD_MILLIS: String(millis) } })
const inMemory = worker("runtime", 0)
const example = { module: "workers.mjs", bindings: {} }

const cases = [
  ...["layer", "runtime"].flatMap((form) => [
    {
      name: `a ${form} that takes 300 ms: four events at once`,
      isolates: [worker(form, 300)],
      run: (isolate) =>
        Effect.gen(function*() {
          assert.deepEqual(yield* fourAtOnce(sendEvent, isolate), allAnswered)
        })
    },
    {
      name: `a ${form} that takes 300 ms: the first client disconnects`,
      isolates: [worker(form, 300)],
      run: (isolate) =>
        Effect.gen(function*() {
          assert.deepEqual(yield* fourAtOnce(sendEvent, isolate, { disconnectAfter: 100 }), othersAnswered)
        })
    },
    {
      name: `a ${form} that takes 300 ms: events and other routes at once`,
      isolates: [worker(form, 300)],
      run: (isolate) =>
        Effect.gen(function*() {
          const [events, routes] = yield* Effect.all(
            [fourAtOnce(sendEvent, isolate), fourAtOnce(askForTenant, isolate)],
            { concurrency: 2 }
          )
          // There is no ticket.
          assert.deepEqual([events, routes], [allAnswered, [503, 503, 503, 503]])
        })
    }
  ]),
  {
    name: "one tenant's token: four at once, and four from memory",
    isolates: [inMemory],
    run: (isolate) =>
      Effect.gen(function*() {
        yield* pushTicket(isolate)
        assert.deepEqual(yield* fourAtOnce(askForTenant, isolate), allAnswered)
        assert.deepEqual(yield* fourAtOnce(askForTenant, isolate), allAnswered)
        assert.equal(yield* countCalls(isolate, tenantTokenPath), 1)
      })
  },
  {
    name: "one tenant's token: the first client disconnects",
    isolates: [inMemory],
    run: (isolate) =>
      Effect.gen(function*() {
        yield* pushTicket(isolate)
        const statuses = yield* fourAtOnce(askForTenant, isolate, { disconnectAfter: 150, timeout: 5000 })
        assert.deepEqual(statuses, othersAnswered)
        assert.equal(yield* countCalls(isolate, tenantTokenPath), 2)
      })
  },
  {
    name: "no ticket in memory: fails at once, and the push comes",
    isolates: [inMemory],
    run: (isolate) =>
      Effect.gen(function*() {
        yield* isolate.emulator.setRequestUrl(isolate.appId, `${isolate.origin}/webhook/event`)
        const answer = yield* Effect.promise(() => askForTenant(isolate, { timeout: 1000 }))
        assert.deepEqual([answer.status, answer.headers["needs-shared-store"]], [503, "true"])
        assert.match(
          answer.text,
          /^There is no app ticket for cli_\w+ in the memory of this isolate, .* call again soon\./
        )
        assert.equal(yield* countCalls(isolate, resendPath), 1)
        yield* eventually(Effect.tryPromise(async () => {
          assert.equal((await askForTenant(isolate)).status, 200)
        }))
        assert.equal(yield* countCalls(isolate, resendPath), 1)
      })
  },
  {
    name: "two deliveries of one callback at once",
    isolates: [inMemory],
    run: (isolate) =>
      Effect.gen(function*() {
        const payload = {
          action: { tag: "button", value: {} },
          operator: { open_id: "ou_1" },
          token: "c-1",
          context: {}
        }
        const click = { id: "one click", type: "card.action.trigger", payload }
        assert.deepEqual(yield* fourAtOnce(sendEvent, isolate, click), allAnswered)
      })
  },
  {
    name: "four background tasks go on after the answers",
    isolates: [inMemory],
    run: (isolate) =>
      Effect.gen(function*() {
        assert.deepEqual(yield* fourAtOnce(sendEvent, isolate, { type: "background" }), allAnswered)
        yield* eventually(Effect.tryPromise(async () => {
          assert.equal((await send(`${isolate.origin}/tasks-ended`)).text, "4")
        }))
      })
  },
  {
    name: "the example: waits for a push that reaches another isolate",
    isolates: [example, example],
    run: (asked, pushed) =>
      Effect.gen(function*() {
        yield* pushed.emulator.setRequestUrl(pushed.appId, `${pushed.origin}/webhook/event`)
        assert.deepEqual(yield* fourAtOnce(askForTenant, asked, { timeout: 10_000 }), allAnswered)
        assert.equal(yield* countCalls(asked, resendPath), 1)
        assert.equal(yield* countCalls(asked, tenantTokenPath), 1)
      })
  },
  {
    name: "the example: the first client disconnects while KV is being read",
    isolates: [example],
    run: (isolate) =>
      Effect.gen(function*() {
        yield* pushTicket(isolate)
        kv.held.add(`feishu/ticket/${isolate.appId}`)
        const statuses = yield* fourAtOnce(askForTenant, isolate, { disconnectAfter: 100, timeout: 5000 })
        assert.deepEqual(statuses, othersAnswered)
      })
  }
]

const configOf = (date, isolates) => {
  const lines = (lineOf) => isolates.map(lineOf).join(",\n    ")
  const bindingsOf = (bindings) =>
    Object.entries(bindings).map(([name, value]) => `(name = "${name}", text = ${JSON.stringify(value)})`).join(", ")
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "internet", network = (allow = ["private", "public"])),
    (name = "kv", external = (address = "127.0.0.1:${kvServer.address().port}", http = ())),
    ${lines(({ index }) => `(name = "isolate${index}", worker = .isolate${index})`)}
  ],
  sockets = [
    ${
    lines(({ index, port }) =>
      `(name = "socket${index}", address = "127.0.0.1:${port}", http = (), service = "isolate${index}")`
    )
  }
  ]
);
${
    isolates.map(({ bindings, index, module }) =>
      `const isolate${index} :Workerd.Worker = (
  modules = [(name = "${module}", esModule = embed "${module}")],
  compatibilityDate = "${date}",
  bindings = [${bindingsOf(bindings)}, (name = "STORE", kvNamespace = "kv")]
);`
    ).join("\n")
  }
`
}

const tryOut = (date) =>
  Effect.gen(function*() {
    const emulator = yield* Emulator.Emulator
    const isolates = []
    for (const { isolates: workers, name } of cases) {
      const appId = `cli_${randomUUID().replaceAll("-", "")}`
      yield* emulator.setApp({
        appId,
        appSecret: Redacted.make(secrets.FEISHU_APP_SECRET),
        encryptKey: Redacted.make(secrets.FEISHU_ENCRYPT_KEY),
        verificationToken: Redacted.make(secrets.FEISHU_VERIFICATION_TOKEN)
      })
      for (const { bindings, module } of workers) {
        const port = yield* Effect.promise(freePort)
        isolates.push({
          name,
          module,
          port,
          appId,
          emulator,
          index: isolates.length,
          origin: `http://127.0.0.1:${port}`,
          bindings: { FEISHU_APP_ID: appId, FEISHU_BASE_URL: emulator.baseUrl, ...secrets, ...bindings }
        })
      }
    }
    const config = join(directory, "workerd.capnp")
    writeFileSync(config, configOf(date, isolates))
    const { child, output } = yield* start("workerd", ["serve", config])
    yield* Effect.forEach(cases, ({ name, run }) =>
      Effect.gen(function*() {
        const own = isolates.filter((isolate) => isolate.name === name)
        // The module is loaded, and no request has built the layer.
        for (const { origin } of own) {
          yield* Effect.tryPromise(() => send(`${origin}/ready`)).pipe(
            Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.whileInput(() => child.exitCode === null))),
            Effect.timeout("15 seconds")
          )
        }
        yield* run(...own)
        process.stdout.write(`workerd of ${date}: ${name}\n`)
      }).pipe(
        Effect.tapErrorCause(() => Effect.sync(() => process.stderr.write(`workerd of ${date} has failed: ${name}\n`)))
      )).pipe(
        Effect.tapErrorCause(() => Effect.sync(() => process.stderr.write(`It printed:\n${output()}\n`)))
      )
  }).pipe(
    Effect.scoped,
    Effect.provide(Emulator.layerServer({
      apps: [],
      // A tenant's token takes long enough for the others to come, and for the first client to disconnect.
      faults: [Fault.every(1, Fault.Delay({ duration: "300 millis" }), { only: tenantTokenPath })]
    }))
  )

const bundle = (path, outfile) =>
  build({
    entryPoints: [join(here, path)],
    outfile: join(directory, outfile),
    tsconfig: join(here, "../../tsconfig.json"),
    ...bundling
  })

try {
  await Promise.all([bundle("worker.ts", "worker.mjs"), bundle("../../examples/workers.ts", "workers.mjs")])
  kvServer.listen(0, "127.0.0.1")
  await once(kvServer, "listening")
  await Effect.runPromise(Effect.timeout(Effect.forEach(dates, tryOut), "2 minutes"))
} finally {
  kvServer.close()
  kvServer.closeAllConnections()
  rmSync(directory, { recursive: true })
}
