/** The version of the whole product; the daemon shows the same. */
export const version = '0.1.0';
