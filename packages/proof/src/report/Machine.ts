/** Describes the machine, for a reader who compares with another machine. */
import * as Os from "node:os"

const [cpu] = Os.cpus()

export const machine =
  `Node ${process.version} on ${Os.type()} ${Os.release()} (${process.arch}), ${Os.cpus().length} × ${
    cpu?.model ?? "unknown processor"
  }, ${Math.round(Os.totalmem() / 1024 ** 3)} GiB of memory.`
