"""The payloads of ISAKMP, IKEv1 and the IPsec DOI."""
