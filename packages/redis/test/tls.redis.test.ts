/** TLS to one Redis and to a Cluster, with certificates for host names. */
import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Duration, Effect, Either, Redacted, Stream } from "effect"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import type { LookupFunction } from "node:net"
import * as RedisConnection from "../src/RedisConnection.js"
import { bundled } from "./bundled.js"
import { makeAuthority } from "./certificates.js"
import * as RedisServer from "./redisServer.js"
import * as Systems from "./systems.js"

const hour = Duration.hours(1)
const patient = { timeout: "10 seconds" } as const
const program = bundled("configured")

/** Runs a process with variables of its environment, and returns what it prints. */
const runWith = (variables: Record<string, string>) =>
  Effect.flatMap(program, (file) =>
    Effect.async<string>((resume) => {
      const child = execFile(
        process.execPath,
        [file],
        { env: { ...process.env, ...variables } },
        (_, output, errors) => resume(Effect.succeed(output + errors))
      )
      return Effect.sync(() => child.kill("SIGKILL"))
    }))

/** Resolves each host name of the tests to this machine, and no other name. */
const lookup: LookupFunction = (name, options, callback) =>
  name.endsWith(".example.test")
    ? options.all === true
      ? callback(null, [{ address: "127.0.0.1", family: 4 }])
      : callback(null, "127.0.0.1", 4)
    : callback(new Error(`no address of ${name}`), "", 4)

describe("TLS", () => {
  it.scopedLive(
    "to a Cluster named by a URL in the environment works with certificates for the host name",
    () =>
      Effect.gen(function*() {
        const { authority, issue } = yield* makeAuthority
        const tls = () => issue("localhost")
        const [named, unnamed] = yield* Effect.all([
          Systems.makeClusterWith({ tls, hostNames: () => "localhost" }),
          // As with Azure: the nodes announce addresses, and the certificates are for the host name.
          Systems.makeClusterWith({ tls })
        ], { concurrency: "unbounded" })
        for (const nodes of [named, unnamed]) {
          const printed = yield* runWith({
            FEISHU_REDIS_URL: nodes.map(({ port }) => `rediss://localhost:${port}`).join(","),
            FEISHU_REDIS_CLUSTER: "true",
            NODE_EXTRA_CA_CERTS: authority
          })
          assert.strictEqual(printed, "30 claims, a message")
        }
      }),
    60_000
  )

  it.scopedLive("to one Redis named by a URL in the environment works with a certificate for the host name", () =>
    Effect.gen(function*() {
      const { authority, issue } = yield* makeAuthority
      const { port } = yield* RedisServer.make({ tls: issue("localhost") })
      const printed = yield* runWith({
        FEISHU_REDIS_URL: `rediss://localhost:${port}`,
        NODE_EXTRA_CA_CERTS: authority
      })
      assert.strictEqual(printed, "30 claims, a message")
    }))

  it.scopedLive(
    "connects to each node of a Cluster by the announced host name, and verifies that name",
    () =>
      Effect.gen(function*() {
        const { authority, issue } = yield* makeAuthority
        const nameOf = (node: number) => `node-${node}.example.test`
        const nodes = yield* Systems.makeClusterWith({ tls: (node) => issue(nameOf(node)), hostNames: nameOf })
        const start = (names: (node: number) => string, settings: RedisConnection.Settings) =>
          Systems.start(
            RedisConnection.layerCluster(
              nodes.map(({ port }, node) => ({ host: names(node), port })),
              { redisOptions: { tls: { ca: readFileSync(authority), lookup } } },
              settings
            ),
            { pollInterval: "1 hour" }
          )
        const { claims, tickets } = yield* start(nameOf, patient)
        for (const name of Arr.range(1, 30)) yield* claims.claim("cli_test", `${name}`, hour)
        yield* Effect.forEach(
          nodes,
          ({ client }) => Effect.map(Effect.promise(() => client.dbsize()), (size) => assert.isAbove(size, 0))
        )
        const heard = yield* Effect.fork(Stream.runHead(tickets.changes("cli_test")))
        yield* tickets.put("cli_test", yield* Systems.ticketOf("a ticket"))
        yield* heard

        const other = yield* start((node) => nameOf((node + 1) % 3), { timeout: "1 second" })
        const { description, reason } = yield* Effect.flip(other.connection.ready)
        assert.strictEqual(reason, "Misconfigured")
        assert.match(description, /the certificate of the server is not valid: .*ERR_TLS_CERT_ALTNAME_INVALID/)
      }),
    60_000
  )

  it.scopedLive("refuses a certificate that the machine does not trust, and says so", () =>
    Effect.gen(function*() {
      const { issue } = yield* makeAuthority
      const { port } = yield* RedisServer.make({ tls: issue("localhost") })
      const { connection } = yield* Systems.start(
        RedisConnection.layerUrl({ url: Redacted.make(`rediss://localhost:${port}`), timeout: "500 millis" })
      )
      const error = Either.getOrThrow(Either.flip(yield* Effect.either(connection.ready)))
      assert.strictEqual(error.reason, "Misconfigured")
      assert.match(
        error.description,
        /^Redis at localhost:\d+ cannot be used as configured \(the certificate of the server is not valid/
      )
    }))
})
