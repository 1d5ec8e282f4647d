/** A platform that is reached through a proxy only: over TLS, by the name `platform.test`, which no DNS knows. */
import { FileSystem, Path } from "@effect/platform"
import { Effect } from "effect"
import * as Http from "node:http"
import * as Https from "node:https"
import * as Net from "node:net"
import * as Certificates from "./certificates.js"
import { listen } from "./listen.js"

interface Tunnel {
  /** The host and the port that the client asked for. */
  readonly authority: string
  readonly authorization: string | undefined
}

/** Makes tunnels to one server, whatever the client asks for, or refuses them with a status. */
const proxy = (port: number, refusal?: number) => {
  const tunnels: Array<Tunnel> = []
  const server = Http.createServer((_, response) => response.writeHead(405).end())
  server.on("connect", (request, socket: Net.Socket, head: Buffer) => {
    tunnels.push({ authority: request.url ?? "", authorization: request.headers["proxy-authorization"] })
    if (refusal !== undefined) return void socket.end(`HTTP/1.1 ${refusal} Refused\r\n\r\n`)
    const upstream = Net.connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection Established\r\n\r\n")
      upstream.write(head)
      socket.pipe(upstream).pipe(socket)
    })
    upstream.on("error", () => socket.destroy())
    socket.on("error", () => upstream.destroy())
  })
  return Effect.map(listen(server), (url) => ({ url, tunnels }))
}

/** Until the scope ends. `env` holds what a program needs to reach the platform. */
export const proxied = (options?: {
  /** The proxy answers each request for a tunnel with this status. */
  readonly refusal?: number
}) =>
  Effect.gen(function*() {
    const requests: Array<string> = []
    const platform = Https.createServer(
      { cert: Certificates.trusted, key: Certificates.key },
      (request, response) => {
        requests.push(`${request.method} ${request.url}`)
        const tokens = { app_access_token: "a-1", tenant_access_token: "t-1", expire: 7200 }
        response.writeHead(200, { "content-type": "application/json" })
        // The path of a self-built app.
        response.end(JSON.stringify({ code: 0, msg: "success", ...(request.url?.endsWith("/internal") ? tokens : {}) }))
      }
    )
    const port = Number(new URL(yield* listen(platform)).port)
    const { tunnels, url } = yield* proxy(port, options?.refusal)
    const folder = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())
    const authority = (yield* Path.Path).join(folder, "authority.pem")
    yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.writeFileString(authority, Certificates.authority))
    return {
      port,
      requests,
      tunnels,
      proxy: url,
      env: {
        FEISHU_APP_ID: "cli_proxied",
        FEISHU_BASE_URL: `https://platform.test:${port}`,
        HTTPS_PROXY: url,
        NODE_EXTRA_CA_CERTS: authority
      }
    }
  })
