export { linkPrefix } from './caller.ts';
export { linkedHost } from './client.ts';
export { type LinkLimits, linkLimits } from './limits.ts';
export { LinkServer, type LinkServerOptions } from './server.ts';
export { tend, widen } from './session.ts';
