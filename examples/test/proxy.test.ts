/** `proxy.ts` and `promise-proxy.ts` as processes of their own, with a proxy, a platform behind it, and an authority of the company's own. */
import { Command } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Stream, Struct } from "effect"
import { proxied } from "../../packages/core/test/proxied.js"
import { bundled } from "./bundled.js"

const text = <E>(stream: Stream.Stream<Uint8Array, E>) => Stream.mkString(Stream.decodeText(stream))

const run = (env: Record<string, string>, program = "proxy.ts") =>
  Effect.gen(function*() {
    const started = yield* Command.make("node", bundled(program)).pipe(
      Command.env({ FEISHU_APP_SECRET: "an app's secret", ...env }),
      Command.start
    )
    const [stdout, stderr, code] = yield* Effect.all([text(started.stdout), text(started.stderr), started.exitCode], {
      concurrency: "unbounded"
    })
    return { code: Number(code), output: stdout + stderr }
  }).pipe(Effect.scoped)

layer(NodeContext.layer, { excludeTestServices: true })("proxy.ts", (it) => {
  describe("behind a proxy", () => {
    it.scoped("reaches a platform that only the proxy knows", () =>
      Effect.gen(function*() {
        const { env, port, requests, tunnels } = yield* proxied()
        const { code, output } = yield* run(env)
        assert.deepStrictEqual([code, output], [0, "Accepted: the platform will push the app ticket.\n"])
        assert.deepStrictEqual(tunnels, [{ authority: `platform.test:${port}`, authorization: undefined }])
        assert.deepStrictEqual(requests, ["POST /open-apis/auth/v3/app_ticket/resend"])
      }))

    it.scoped("promise-proxy.ts reaches the platform, too", () =>
      Effect.gen(function*() {
        const { env, port, requests, tunnels } = yield* proxied()
        const { code, output } = yield* run({ ...env, FEISHU_APP_KIND: "self-built" }, "promise-proxy.ts")
        assert.deepStrictEqual([code, output], [0, "The platform has given the app a token.\n"])
        assert.deepStrictEqual(tunnels, [{ authority: `platform.test:${port}`, authorization: undefined }])
        assert.deepStrictEqual(requests, ["POST /open-apis/auth/v3/app_access_token/internal"])
      }))

    it.scoped("names itself to the proxy", () =>
      Effect.gen(function*() {
        const { env, tunnels } = yield* proxied()
        const { code } = yield* run({ ...env, HTTPS_PROXY: env.HTTPS_PROXY.replace("//", "//user:pass%20word@") })
        assert.strictEqual(code, 0)
        assert.strictEqual(tunnels[0]?.authorization, `Basic ${btoa("user:pass word")}`)
      }))

    it.scoped("goes to a host of NO_PROXY directly", () =>
      Effect.gen(function*() {
        const { env, port, requests, tunnels } = yield* proxied()
        const { code, output } = yield* run({
          ...env,
          FEISHU_BASE_URL: `https://localhost:${port}`,
          NO_PROXY: "example.com,localhost"
        })
        assert.strictEqual(code, 0, output)
        assert.deepStrictEqual(tunnels, [])
        assert.strictEqual(requests.length, 1)
      }))

    it.scoped("does not trust the platform without the authority's certificate, and says so", () =>
      Effect.gen(function*() {
        const { env, requests } = yield* proxied()
        const without = Struct.omit(env, "NODE_EXTRA_CA_CERTS")
        const { code, output } = yield* run(without)
        assert.strictEqual(code, 1)
        assert.include(output, "NODE_EXTRA_CA_CERTS")
        assert.deepStrictEqual(requests, [])
      }))
  })
})
