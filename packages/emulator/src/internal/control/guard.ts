/**
 * Keeps web pages of strangers from steering the emulator. A page that a developer looks at can send requests to this machine,
 * and can give its own name the address of this machine (DNS rebinding).
 */
import type * as Http from "node:http"
import * as Net from "node:net"

/** Why a request is refused. */
export interface Refusal {
  readonly status: 403 | 415
  readonly reason: string
}

/** Returns the name in a `host` header, without the port and without the brackets of an IPv6 address. */
const nameOf = (host: string): string => host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1").toLowerCase()

/** No page can give its own name in place of an address, so every address is as good as `localhost`. */
const isOurs = (host: string, names: ReadonlySet<string>): boolean => {
  const name = nameOf(host)
  return name === "localhost" || Net.isIP(name) !== 0 || names.has(name)
}

/** The names and the origin of this emulator. */
export interface Ours {
  /** The names of this machine, in lower case, besides `localhost` and addresses. */
  readonly names: ReadonlySet<string>
  /** The origin of the advertised URL. A proxy before the emulator may change the header `host`. */
  readonly origin: string | undefined
}

/** Returns why a request may not reach the console and its endpoints. */
export const refusalOf = (
  { headers, method = "", url = "" }: Http.IncomingMessage,
  ours: Ours
): Refusal | undefined => {
  const { host = "", origin } = headers
  if (!isOurs(host, ours.names)) {
    return {
      status: 403,
      reason: `The console does not answer to the host name ${host}: open it by its address, or begin with --base-url`
    }
  }
  if (origin !== undefined && origin !== ours.origin && origin !== `http://${host}` && origin !== `https://${host}`) {
    return { status: 403, reason: `The console does not answer to pages of ${origin}` }
  }
  const site = headers["sec-fetch-site"]
  const isLink = headers["sec-fetch-mode"] === "navigate" && method === "GET" && url.split("?")[0] === "/"
  if (site !== undefined && site !== "same-origin" && site !== "none" && !isLink) {
    return { status: 403, reason: "The console does not answer to pages of other sites" }
  }
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0
  const isJson = /^application\/json\s*(;|$)/i.test(headers["content-type"] ?? "")
  return hasBody && !isJson
    ? { status: 415, reason: "The body must have the content type application/json" }
    : undefined
}
