import type { Operation } from '../operation.ts';
import { apiVersionMax, apiVersionMin } from '../version.ts';

const goNames: Record<string, string> = { x86_64: 'amd64', x64: 'amd64', aarch64: 'arm64' };

/** As Go, and with it every docker client, names a machine. */
const goArch = (machine: string): string => goNames[machine] ?? machine;

export const getVersion: Operation = {
  method: 'GET',
  path: '/version',
  async run({ system }, call) {
    const { facts } = await system.info();
    const { version } = call.serving;
    call.json(200, {
      Platform: { Name: 'Kraud' },
      Components: [
        {
          Name: 'Engine',
          Version: version,
          Details: {
            ApiVersion: apiVersionMax,
            MinAPIVersion: apiVersionMin,
            Arch: goArch(facts.architecture),
            Os: 'linux',
            KernelVersion: facts.kernel,
            GuestKernelVersion: facts.guestKernel,
            Experimental: 'false',
            NodeVersion: process.version,
          },
        },
        { Name: 'vmm', Version: facts.vmm, Details: { Accelerator: facts.accelerator.kind } },
        { Name: 'guest', Version: facts.guestKernel },
      ],
      Version: version,
      ApiVersion: apiVersionMax,
      MinAPIVersion: apiVersionMin,
      GitCommit: '',
      GoVersion: '',
      Os: 'linux',
      Arch: goArch(facts.architecture),
      KernelVersion: facts.kernel,
    });
  },
};
