import { createHash } from "node:crypto"

/** Returns the script with the hash by which Redis knows the script. */
export const script = (lua: string): { readonly lua: string; readonly sha: string } => ({
  lua,
  sha: createHash("sha1").update(lua).digest("hex")
})
