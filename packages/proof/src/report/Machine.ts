/** Describes the machine, for a reader who compares with another machine. */
import * as Os from "node:os"

const [cpu] = Os.cpus()

/** Without the suffix of whoever has built the kernel. */
const [release] = Os.release().split("-")

export const machine = `Node ${process.version} on ${Os.type()} ${release} (${process.arch}), ${Os.cpus().length} × ${
  cpu?.model ?? "unknown processor"
}, ${Math.round(Os.totalmem() / 1024 ** 3)} GiB of memory.`
