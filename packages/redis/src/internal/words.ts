/** What is said of Redis, without a secret in it. */
import type { Cluster, Redis } from "ioredis"

export const addressOf = (client: Redis | Cluster): string => {
  if (client.isCluster) return "the cluster"
  const { host, name, path, port, sentinels } = (client as Redis).options
  return sentinels ? `the sentinels' master ${name ?? ""}` : path ?? `${host ?? "localhost"}:${port ?? 6379}`
}

export const textOf = (error: unknown): string => {
  const { code, message, name } = error instanceof Error
    ? { code: "code" in error ? error.code : undefined, message: error.message, name: error.name }
    : { code: undefined, message: String(error), name: "" }
  // Where several addresses were tried the message is empty.
  const text = message || String(code ?? name)
  // Redis quotes the arguments of a command that it does not know.
  return (text.split(/,? with args/)[0] ?? "").replace(/\s+/g, " ").slice(0, 200)
}
