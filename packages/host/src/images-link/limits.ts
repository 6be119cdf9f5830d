/** Of images between hosts; `daemon` may set each. */
export interface ImageLinkLimits {
  /** Every image is kept on so many hosts, if there are. */
  readonly copiesMin: number;
  /** An image that has been on fewer hosts for so long is copied. */
  readonly copyDelayMs: number;
  /** A copy that failed is tried again after this. */
  readonly copyRetryMs: number;
  /** How often the transfer of one blob may break off before it is given up. */
  readonly resumesMax: number;
}

export const imageLinkLimits: ImageLinkLimits = {
  copiesMin: 2,
  copyDelayMs: 2000,
  copyRetryMs: 15_000,
  resumesMax: 10,
};
