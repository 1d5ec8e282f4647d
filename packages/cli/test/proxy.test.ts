/** The command behind a proxy, as HTTPS_PROXY and NO_PROXY name it. */
import { NodeContext } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Struct } from "effect"
import { proxied } from "../../core/test/proxied.js"
import { documentIn, run, secrets } from "./feishuTicket.js"

interface Check {
  readonly link: string
  readonly status: string
  readonly detail: string
  readonly advice?: string
}

const doctor = (env: Record<string, string>) =>
  Effect.map(run(["doctor", "--json"], { env: { ...secrets, ...env } }), ({ code, stderr, stdout }) => {
    const checks = documentIn(stdout)["checks"] as ReadonlyArray<Check>
    const of = (link: string) => checks.find((check) => check.link === link) ?? assert.fail(`no ${link} in ${stdout}`)
    return { code, of, output: stdout + stderr }
  })

layer(NodeContext.layer, { excludeTestServices: true, timeout: "30 seconds" })("behind a proxy", (it) => {
  describe("resend", () => {
    it.scoped("reaches a platform that only the proxy knows", () =>
      Effect.gen(function*() {
        const { env, port, requests, tunnels } = yield* proxied()
        const { code, stderr } = yield* run(["resend"], { env: { ...secrets, ...env } })
        assert.strictEqual(code, 0, stderr)
        assert.deepStrictEqual(tunnels, [{ authority: `platform.test:${port}`, authorization: undefined }])
        assert.deepStrictEqual(requests, ["POST /open-apis/auth/v3/app_ticket/resend"])
      }))

    it.scoped("goes to a loopback address and to a host of NO_PROXY directly", () =>
      Effect.gen(function*() {
        const { env, port, requests, tunnels } = yield* proxied()
        for (const host of ["localhost", "127.0.0.1"]) {
          const { code, stderr } = yield* run(["resend"], {
            env: { ...secrets, ...env, FEISHU_BASE_URL: `https://${host}:${port}` }
          })
          assert.strictEqual(code, 0, stderr)
        }
        const direct = yield* run(["resend", "--once"], { env: { ...secrets, ...env, NO_PROXY: "platform.test" } })
        assert.strictEqual(direct.code, 3)
        assert.include(direct.stderr, "ENOTFOUND platform.test")
        assert.deepStrictEqual([tunnels.length, requests.length], [0, 2])
      }))

    it.scoped("takes a proxy without a scheme for http, as curl does", () =>
      Effect.gen(function*() {
        const { env, tunnels } = yield* proxied()
        const { code, stderr } = yield* run(["resend", "--once"], {
          env: { ...secrets, ...env, HTTPS_PROXY: env.HTTPS_PROXY.replace("http://", "") }
        })
        assert.strictEqual(code, 0, stderr)
        assert.strictEqual(tunnels.length, 1)
      }))

    it.scoped("says that the proxy refuses the tunnel, and shows none of its password", () =>
      Effect.gen(function*() {
        const { env, tunnels } = yield* proxied({ refusal: 407 })
        const { code, stderr } = yield* run(["resend", "--once"], {
          env: { ...secrets, ...env, HTTPS_PROXY: env.HTTPS_PROXY.replace("//", "//user:a-password@") }
        })
        assert.strictEqual(code, 3)
        assert.include(stderr, "Proxy response (407)")
        assert.notInclude(stderr, "a-password")
        assert.strictEqual(tunnels[0]?.authorization, `Basic ${btoa("user:a-password")}`)
      }))

    it.scoped.each(["not a URL", "socks5://127.0.0.1:1080", "http://user%zz:password@127.0.0.1:9"])(
      "refuses %j as a proxy, with 2",
      (proxy) =>
        Effect.gen(function*() {
          const { env, tunnels } = yield* proxied()
          const { code, stderr } = yield* run(["resend"], { env: { ...secrets, ...env, HTTPS_PROXY: proxy } })
          assert.strictEqual(code, 2)
          assert.include(stderr, "must be an http:// or https:// URL")
          assert.deepStrictEqual(tunnels, [])
        })
    )
  })

  describe("doctor", () => {
    it.scoped("says which proxy there is, and checks the links through it", () =>
      Effect.gen(function*() {
        const { env, port, proxy } = yield* proxied()
        const { of, output } = yield* doctor({
          ...env,
          HTTPS_PROXY: proxy.replace("//127.0.0.1", "//user:a-password@localhost")
        })
        const named = proxy.replace("127.0.0.1", "localhost")
        assert.deepInclude(of("proxy"), { status: "ok", detail: `requests to platform.test go through ${named}` })
        assert.match(of("DNS").detail, /^localhost is /)
        assert.strictEqual(of("TLS").status, "ok")
        assert.include(
          of("TLS").detail,
          `platform.test:${port} has a certificate that this machine trusts, valid until `
        )
        assert.strictEqual(of("credentials").status, "ok")
        assert.notInclude(output, "a-password")
      }))

    it.scoped("says that the proxy refuses, or is not there", () =>
      Effect.gen(function*() {
        const refused = yield* proxied({ refusal: 403 })
        const tunnel = yield* doctor(refused.env)
        assert.strictEqual(tunnel.code, 3)
        assert.deepInclude(tunnel.of("TLS"), {
          status: "broken",
          detail:
            `no TLS with platform.test:${refused.port}: the proxy ${refused.proxy} refused the tunnel with HTTP 403`
        })
        const nobody = yield* doctor({ ...refused.env, HTTPS_PROXY: "http://127.0.0.1:1" })
        assert.include(nobody.of("TLS").detail, "the proxy http://127.0.0.1:1 is not reached: connect ECONNREFUSED")
        const unknown = yield* doctor({ ...refused.env, HTTPS_PROXY: "http://proxy.invalid:3128" })
        assert.include(unknown.of("DNS").detail, "proxy.invalid is not found")
        assert.include(unknown.of("DNS").advice ?? "", "HTTPS_PROXY")
      }))

    it.scoped("says that it is not trusted without the authority's certificate", () =>
      Effect.gen(function*() {
        const { env } = yield* proxied()
        const without = Struct.omit(env, "NODE_EXTRA_CA_CERTS")
        const { code, of } = yield* doctor(without)
        assert.strictEqual(code, 3)
        assert.strictEqual(of("TLS").status, "broken")
        assert.include(of("TLS").advice ?? "", "NODE_EXTRA_CA_CERTS")
      }))
  })
})
