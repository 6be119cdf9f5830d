import type { Operation } from '../operation.ts';
import { apiVersionMax, apiVersionMin } from '../version.ts';

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
            Arch: facts.architecture,
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
      Arch: facts.architecture,
      KernelVersion: facts.kernel,
    });
  },
};
