/** Recognises what `ioredis`, Redis, Node and OpenSSL say in words. No other module looks into the text of an error. */

/** Why there is no connection, in words that hold no secret. */
export interface Problem {
  readonly text: string
  /** `true` if only a change of the configuration helps. */
  readonly isConfiguration: boolean
}

export const noAnswer: Problem = { text: "the server does not answer", isConfiguration: false }
export const closed: Problem = { text: "the connection was closed", isConfiguration: false }
export const notYet: Problem = { text: "there is no connection yet", isConfiguration: false }
export const loading: Problem = { text: "Redis is loading its data: LOADING", isConfiguration: false }
export const replica: Problem = { text: "the server has become a replica (READONLY)", isConfiguration: false }
export const noTlsAnswer: Problem = {
  text: "the server does not answer the TLS handshake; a port without TLS needs redis:// and not rediss://",
  isConfiguration: false
}

/** A server that expects TLS closes a connection without TLS, and says nothing. */
export const closedUnanswered = (text: string): Problem => ({
  text: `${text} before the first answer: the port is no Redis, or has TLS and needs rediss:// and not redis://`,
  isConfiguration: false
})

/** Returns one line of at most 200 characters, without the arguments that Redis quotes. */
export const textOf = (error: unknown): string => {
  const { code, message, name } = error instanceof Error
    ? { code: "code" in error ? error.code : undefined, message: error.message, name: error.name }
    : { code: undefined, message: String(error), name: "" }
  // The message is empty if Node tried several addresses.
  const text = message || String(code ?? name)
  return (text.split(/,? with args/)[0] ?? "").replace(/\s+/g, " ").slice(0, 200)
}

const unknownMaster: Problem = { text: "the sentinels know no master of this name", isConfiguration: true }

const certificate = new RegExp(
  "SELF_SIGNED_CERT|DEPTH_ZERO_SELF|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|"
    + "ERR_TLS_CERT_ALTNAME"
)

/** The first rule that matches the code and the text of an error says what the error means. */
const rules: ReadonlyArray<{
  readonly sign: RegExp
  readonly meaning: string
  readonly isConfiguration: boolean
}> = [
  { sign: /^WRONGPASS/, meaning: "the user name or the password is wrong", isConfiguration: true },
  { sign: /^NOAUTH/, meaning: "a password is needed", isConfiguration: true },
  { sign: /DB index is out of range|invalid DB index/i, meaning: "the database does not exist", isConfiguration: true },
  {
    sign: /^MOVED |SELECT is not allowed in cluster mode/,
    meaning: "the server is a node of a Cluster, and the configuration names no Cluster",
    isConfiguration: true
  },
  { sign: /cluster support disabled/, meaning: "the server is not a node of a Cluster", isConfiguration: true },
  { sign: /No such master with that name/, meaning: unknownMaster.text, isConfiguration: true },
  { sign: /^LOADING/, meaning: "Redis is loading its data", isConfiguration: false },
  {
    sign: /wrong version number|packet length too long/i,
    meaning: "the server speaks no TLS; a port without TLS needs redis:// and not rediss://",
    isConfiguration: true
  },
  { sign: certificate, meaning: "the certificate of the server is not valid", isConfiguration: true },
  { sign: /^Protocol error, got/, meaning: "the server does not speak the protocol of Redis", isConfiguration: false }
]

const isSilence = (text: string): boolean =>
  /^(Command timed out|connect ETIMEDOUT|timeout|Socket timeout\..*)$/.test(text)

/** Errors that only follow from another error. */
const saysNothing = new RegExp(
  "^(Connection is closed\\.|Connection is aborted|Failed to refresh slots cache\\.|None of startup nodes is available"
    + "|Reached the max retries per request limit.*|Node is disconnected|Cluster is (disconnected|disconnecting|ended)\\.|.*enableOfflineQueue.*)$"
)

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : ""

/** Returns why a connection failed; `undefined` if the error says nothing about the reason. */
export const problemOf = (error: unknown): Problem | undefined => {
  if (error instanceof Error && "lastNodeError" in error && error.lastNodeError) return problemOf(error.lastNodeError)
  const text = textOf(error).replace(/^(Ready check failed|\w*Error): /, "")
  const [, last] = /Last error: (.+)$/.exec(text) ?? []
  const isSentinels = text.startsWith("All sentinels are unreachable")
  if (isSentinels && last === undefined) return unknownMaster
  if (last !== undefined) {
    // A Cluster client asks the other nodes for what a failing node has, and they redirect the client to that node.
    if (last.includes("MOVED")) return undefined
    const problem = problemOf(last)
    if (!isSentinels || problem?.isConfiguration === true) return problem
    return { text: `no sentinel answers${problem === undefined ? "" : `: ${problem.text}`}`, isConfiguration: false }
  }
  if (saysNothing.test(text)) return undefined
  if (isSilence(text)) return noAnswer
  const code = codeOf(error)
  const rule = rules.find(({ sign }) => sign.test(text) || sign.test(code))
  const whole = code === "" || text.includes(code) ? text : `${text}, ${code}`
  return rule === undefined
    ? { text: whole, isConfiguration: false }
    : { text: `${rule.meaning}: ${whole}`, isConfiguration: rule.isConfiguration }
}

/** Returns the problem if data is one error of Redis and nothing else. */
export const refusalIn = (data: string): Problem | undefined => {
  const [, text] = /^-([^\r\n]*)\r\n$/.exec(data) ?? []
  return text === undefined ? undefined : problemOf(text)
}

const messageOf = (error: unknown): string => error instanceof Error ? error.message : ""

/** `true` if a command never left this machine, because there was no connection and `ioredis` may queue nothing. */
export const isUnsent = (error: unknown): boolean => messageOf(error).includes("enableOfflineQueue")

/** `true` if Redis did not answer a command in time. */
export const isTimeout = (error: unknown): boolean => messageOf(error) === "Command timed out"

/** `true` if Redis answered a command with an error. */
export const isRefusal = (error: unknown): boolean => error instanceof Error && error.name === "ReplyError"

/** `true` if Redis does not know a script by its hash. */
export const isUnknownScript = (error: unknown): boolean => messageOf(error).startsWith("NOSCRIPT")

/** `true` if Redis is a replica. Redis 6.2 writes the word inside a sentence if a script met the error. */
export const isReadOnly = (error: unknown): boolean => messageOf(error).includes("READONLY")

/** `true` if a refusal says that the key holds a value of another type. */
export const isWrongType = ({ description }: { readonly description: string }): boolean =>
  description.includes("WRONGTYPE")

/** `true` if the answer to `INFO persistence` says that Redis is loading its data. */
export const isLoading = (info: unknown): boolean => typeof info === "string" && /^loading:1/m.test(info)
