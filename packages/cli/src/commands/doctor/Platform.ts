/** Checks the links between this machine and the platform: proxy, DNS, TLS, clocks, credentials, kind of app. */
import type { Service as App } from "@effect-feishu/core/FeishuApp"
import type { FeishuError } from "@effect-feishu/core/FeishuError"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { lookup } from "node:dns/promises"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as Network from "../../Network.js"
import * as Time from "../../Time.js"
import { Broken, broken, skip, type Skipped } from "./Link.js"

type Link<R = never> = Effect.Effect<string, Broken | Skipped, R>

const timeout = Duration.seconds(10)

/** Returns the host and the port of a URL, for a socket. */
const addressOf = (url: URL) => ({
  // A URL has brackets around an IPv6 address.
  host: url.hostname.replace(/^\[|\]$/g, ""),
  port: url.port !== "" ? Number(url.port) : url.protocol === "http:" ? 80 : 443
})

/** Returns the proxy to the platform, which `Configuration` has checked. */
const proxyOf = ({ baseUrl }: App): URL | undefined => {
  const proxy = Network.proxyOf(baseUrl)
  return proxy === undefined ? undefined : new URL(proxy)
}

export const proxy = (app: App): Link => {
  const proxy = proxyOf(app)
  const { host } = addressOf(new URL(app.baseUrl))
  return proxy === undefined
    ? skip("the environment names none for the platform")
    : Effect.succeed(`requests to ${host} go through ${proxy.origin}`)
}

/** Looks up the proxy if there is one, because the proxy looks up the platform. */
export const dns = (app: App): Link => {
  const proxy = proxyOf(app)
  const { host } = addressOf(proxy ?? new URL(app.baseUrl))
  const advice = proxy === undefined
    ? "Check this machine's DNS and network, and the host's name in FEISHU_BASE_URL or --base-url if one is set."
    : "Check the proxy's name in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, and this machine's DNS and network."
  return Net.isIP(host) !== 0 ? skip(`${host} is an address`) : Effect.tryPromise({
    try: () => lookup(host, { all: true }),
    catch: (error) =>
      new Broken({
        // The code distinguishes an unknown name from a resolver that is not reached.
        detail: `${host} is not found (${error instanceof Error && "code" in error ? error.code : error})`,
        advice,
        code: 3
      })
  }).pipe(
    Effect.map((found) => `${host} is ${found.slice(0, 3).map(({ address }) => address).join(", ")}`),
    Effect.timeoutFail({
      duration: timeout,
      onTimeout: () =>
        new Broken({ detail: "no answer within 10 s", advice: "Check this machine's DNS and network.", code: 3 })
    })
  )
}

const certificate = (socket: Net.Socket) =>
  socket instanceof Tls.TLSSocket ? `, valid until ${socket.getPeerCertificate().valid_to}` : ""

/** Connects and closes the connection again at once: an open one would keep the process alive. */
const connect = (event: string, open: () => Net.Socket): Effect.Effect<string, string> =>
  Effect.async<string, string>((resume) => {
    const socket = open()
    const end = (effect: Effect.Effect<string, string>) => {
      socket.destroy()
      resume(effect)
    }
    socket.on(event, () => end(Effect.succeed(certificate(socket))))
    socket.on("error", ({ message }) => end(Effect.fail(message)))
    socket.on("close", () => end(Effect.fail("the connection was closed")))
    return Effect.sync(() => socket.destroy())
  }).pipe(Effect.timeoutFail({ duration: timeout, onTimeout: () => "no answer within 10 s" }))

/** Asks the proxy for a tunnel to the platform. */
const tunnel = (proxy: URL, { host, port }: ReturnType<typeof addressOf>): Effect.Effect<Net.Socket, string> =>
  Effect.async<Net.Socket, string>((resume) => {
    const { password, username } = proxy
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`
    const request = (proxy.protocol === "https:" ? Https : Http).request({
      ...addressOf(proxy),
      method: "CONNECT",
      path: authority,
      headers: {
        host: authority,
        ...(username !== "" && { "proxy-authorization": `Basic ${Buffer.from(credentials).toString("base64")}` })
      }
    })
    request.on("connect", ({ statusCode }, socket) => {
      if (statusCode === 200) return resume(Effect.succeed(socket))
      socket.destroy()
      resume(Effect.fail(`the proxy ${proxy.origin} refused the tunnel with HTTP ${statusCode}`))
    })
    request.on("response", ({ statusCode }) => {
      request.destroy()
      resume(Effect.fail(`the proxy ${proxy.origin} answered with HTTP ${statusCode} in place of a tunnel`))
    })
    request.on("error", ({ message }) => resume(Effect.fail(`the proxy ${proxy.origin} is not reached: ${message}`)))
    request.end()
    return Effect.sync(() => request.destroy())
  }).pipe(
    Effect.timeoutFail({ duration: timeout, onTimeout: () => `the proxy ${proxy.origin} gave no answer within 10 s` })
  )

const plainHttp = (app: App): Link => {
  const { host, port } = addressOf(new URL(app.baseUrl))
  const proxy = proxyOf(app)
  const reached: Effect.Effect<unknown, string> = proxy === undefined
    ? connect("connect", () => Net.connect({ host, port }))
    : Effect.map(tunnel(proxy, { host, port }), (socket) => socket.destroy())
  return reached.pipe(
    Effect.mapError((seen) =>
      new Broken({
        detail: `no connection to ${host}:${port}: ${seen}`,
        advice: "Check that the emulator, or the platform that FEISHU_BASE_URL names, runs on this port.",
        code: 3
      })
    ),
    Effect.zipRight(skip("the platform's URL is http, and something listens there"))
  )
}

export const tls = (app: App): Link => {
  const url = new URL(app.baseUrl)
  const proxy = proxyOf(app)
  if (url.protocol === "http:") return plainHttp(app)
  const { host, port } = addressOf(url)
  const servername = Net.isIP(host) === 0 ? { servername: host } : {}
  const socket: Effect.Effect<Net.Socket | undefined, string> = proxy === undefined
    ? Effect.succeed(undefined)
    : tunnel(proxy, { host, port })
  return socket.pipe(
    Effect.flatMap((socket) =>
      connect("secureConnect", () => Tls.connect({ host, port, ...servername, ...(socket && { socket }) }))
    ),
    Effect.mapBoth({
      onSuccess: (certificate) => `${host}:${port} has a certificate that this machine trusts${certificate}`,
      onFailure: (seen) =>
        new Broken({
          detail: `no TLS with ${host}:${port}: ${seen}`,
          advice:
            "Check that no firewall is between this machine and the platform, and the proxy if there is one; a proxy that "
            + "replaces certificates has an authority of its own: name its certificate in NODE_EXTRA_CA_CERTS.",
          code: 3
        })
    })
  )
}

/** A smaller difference of the clocks does no harm. */
const tolerance = Duration.toMillis("1 minute")

export interface Dated {
  /** The time of arrival in milliseconds since 1970. */
  readonly at: number
  /** The answer's header `Date`. */
  readonly date: string | undefined
}

export const clock = (dated: Dated | undefined): Link =>
  Effect.gen(function*() {
    if (dated === undefined) return yield* skip("the platform gave no answer to compare with")
    // The header has whole seconds.
    const platformTime = Date.parse(dated.date ?? "") + 500
    if (Number.isNaN(platformTime)) return yield* skip("the platform does not say what time it is")
    const skew = dated.at - platformTime
    if (Math.abs(skew) < 2000) return "this machine's clock and the platform's agree"
    const detail = `this machine's clock is ${Time.span(skew)} ${skew > 0 ? "ahead of" : "behind"} the platform's`
    return Math.abs(skew) < tolerance ? detail : yield* new Broken({
      detail,
      advice:
        "Set the clock, by NTP: what the platform signs is refused where it seems to come from the future, and a ticket "
        + "seems to live longer or shorter than it does.",
      code: 2
    })
  })

/** The answer to a call with the app's id and secret: `undefined` for success. */
export type Answer = FeishuError | undefined

/** The kinds of refusal by which the platform shows that id and secret are right. */
const kindsAboutApp: ReadonlySet<string> = new Set(["NotStoreApp", "AppState"])

const kindOf = (answer: Answer) => answer?._tag === "FeishuApiError" ? answer.kind : undefined

export const credentials = (answer: Answer): Link => {
  const kind = kindOf(answer)
  if (answer !== undefined && kind === "Credentials") return broken(answer)
  if (answer === undefined || (kind !== undefined && kindsAboutApp.has(kind))) {
    return Effect.succeed("the platform knows this app id with this secret")
  }
  const { advice, code, detail } = broken(answer)
  return new Broken({ advice, code, detail: `whether they are right is not known: ${detail}` })
}

export const appType = ({ kind }: App, answer: Answer): Link => {
  if (answer === undefined) return Effect.succeed(`it is a ${kind} app`)
  const answered = kindOf(answer)
  if (answered === undefined || !kindsAboutApp.has(answered)) return skip("it needs the credentials")
  const { advice, code, detail } = broken(answer)
  const hint = answered === "NotStoreApp"
    ? " If it is a self-built app, set FEISHU_APP_KIND=self-built."
    : kind === "self-built"
    ? " If it is a store app, leave FEISHU_APP_KIND out."
    : ""
  return new Broken({ advice: advice + hint, code, detail })
}
