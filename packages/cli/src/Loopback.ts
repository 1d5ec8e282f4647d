/** Returns `true` for a loopback name or address, which no other machine can reach. */
export const isLoopback = (host: string): boolean => /^(localhost|::1|\[::1\]|127(\.\d+){3})$/i.test(host)
