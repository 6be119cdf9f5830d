export type { HostPaths } from './host-paths.ts';
export { type DockerApiLimits, dockerApiLimits } from './limits.ts';
export {
  type ApiBeside,
  createDockerApi,
  type DockerApi,
  type DockerApiOptions,
  type Served,
} from './server.ts';
export { endpointOfService } from './services/show/endpoint.ts';
export { apiVersionMax, apiVersionMin } from './version.ts';
